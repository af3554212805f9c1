import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { ArchiveReader } from '../../../src/backup/archive/archive-reader.js';
import {
  manifestNamespaces,
  manifestOplog,
  newManifest,
  writeManifest,
} from '../../../src/backup/manifest.js';
import { archive, type MadeNamespace } from '../../unit/backup/archive-bytes.js';
import { describeWith, mongo, startOwnMongo, tools } from '../../servers/index.js';
import { contentOf, failureOf, finally_, folder, type Ground, ground, plantShop } from './ground.js';
import { script } from './compiled.js';
import { until } from './processes.js';

const { BSON, MongoClient } = mongoose.mongo;
type Client = mongoose.mongo.MongoClient;

const ACCOUNTS = 50;

describeWith(['mongo', 'mongod', 'tools'], 'a backup of a point in time', () => {
  it('has every transfer whole or not at all, whatever was written while it was made', async () => {
    const { service, client } = await bank();
    const writing = writers(client);

    const backup = await service.createBackup({ oplog: true });
    const { transfers, lines } = await writing.stop();

    expect(backup).toMatchObject({ pointInTime: true, database: '*' });
    const [range] = backup.oplog ?? [];
    expect(range!.entries).toBeGreaterThan(0);
    const inOrder = ({ t, i }: { t: number; i: number }): bigint => (BigInt(t) << 32n) | BigInt(i);
    expect(inOrder(range!.to)).toBeGreaterThan(inOrder(range!.from));
    expect(transfers).toBeGreaterThan(0);
    expect(lines).toBeGreaterThan(0);
    expect(await service.verifyBackup(backup.id)).toMatchObject({ good: true });

    await service.restoreBackup(backup.id, { force: true });

    await expectOneMoment(client);
  });

  it('says so, and says that another is not', async () => {
    const { service, client } = await bank();

    expect(await service.createBackup()).toMatchObject({ pointInTime: false });
    const backup = await service.createBackup({ oplog: true });

    expect(backup).toMatchObject({
      pointInTime: true,
      oplog: [{ entries: expect.any(Number), file: expect.stringMatching(/^archive/) }],
    });
    expect(await service.getBackup(backup.id)).toEqual(backup);
    await client.db('east').dropDatabase();
    await client.db('west').dropDatabase();
    await service.restoreBackup(backup.id);
    await expectOneMoment(client);
  });

  it('brings back collections, indexes, views and options as they were at its end', async () => {
    const { service, another, client, database } = await bank();
    await plantShop(client.db('shop'));
    await client.db('shop').createCollection('old', { capped: true, size: 4_096 });
    await client.db('shop').createCollection('seen', { viewOn: 'products', pipeline: [] });
    await client
      .db('shop')
      .createCollection('visits', { timeseries: { timeField: 'at', metaField: 'page' } });
    await client
      .db('shop')
      .collection('visits')
      .insertOne({ at: new Date(1.7e12), page: 1 });
    const changes = async (): Promise<void> => {
      const shop = client.db('shop');
      await shop
        .collection('carts')
        .insertMany([{ _id: 1, at: new Date('2090-01-01') }, { _id: 2 }] as object[]);
      await shop.collection('carts').createIndex({ at: 1 }, { expireAfterSeconds: 3_600 });
      await shop.command({ collMod: 'carts', index: { name: 'at_1', expireAfterSeconds: 7_200 } });
      await shop.collection('carts').createIndex({ gone: 1 });
      await shop.collection('carts').dropIndex('gone_1');
      await shop.createCollection('checked', { validator: { a: 1 }, collation: { locale: 'fr' } });
      await shop.command({ collMod: 'checked', validator: { a: { $type: 'int' } } });
      await shop.createCollection('latest', { viewOn: 'carts', pipeline: [{ $match: { _id: 1 } }] });
      await shop.dropCollection('old');
      await shop.dropCollection('seen');
      await shop.collection('orders').dropIndexes();
      await shop.collection('orders').createIndex({ number: 1 }, { unique: true });
      await shop
        .collection('orders')
        .updateMany({ number: { $lt: 250 } }, [{ $set: { list: ['a', { b: '$number' }] } }]);
      await shop
        .collection('orders')
        .updateMany({ number: { $lt: 99 } }, { $set: { 'list.1.b': 'x', 'list.4': 7 } });
      await shop.collection('orders').deleteMany({ number: { $gt: 490 } });
      await shop.collection('short').insertOne({ a: 1 });
      await shop.collection('short').drop();
      await shop.collection('visits').insertMany([
        { at: new Date(1.7e12 + 1), page: 1 },
        { at: new Date(1.8e12), page: 2 },
      ]);
      await client.db('new').collection('things').insertOne({ a: 1 });
      await shop.collection('numbered').insertOne({ z: { 10: 'a', b: 1, 2: 'c' }, long: 7n, at: new Date() });
    };
    const { tool, held, release } = await heldDump();
    const slow = await another({ tools: { directory: tools(), mongodump: tool } });

    const making = slow.createBackup({ oplog: true });
    await Promise.race([held(), making]);
    await changes();
    await release();
    const backup = await making;

    expect(await service.verifyBackup(backup.id, { level: 'restore' })).toMatchObject({ good: true });
    const names = ['shop', 'new', 'east', 'west'];
    const before = await contents(client, names);
    for (const engine of ['mongodump', 'driver'] as const) {
      for (const name of names) await client.db(name).dropDatabase();
      const report = await (await another({ engine })).restoreBackup(backup.id);

      expect(await contents(client, names)).toEqual(before);
      expect(report.namespaces.find(({ to }) => to === 'shop.orders')?.documents).toBe(491);
    }
    for (const name of names) database(name);
  }, 120_000);

  it('can be restored in part, and one database of it elsewhere', async () => {
    const { service, client, database } = await bank();
    const writing = writers(client);
    const { id } = await service.createBackup({ oplog: true });
    await writing.stop();
    const target = database();

    await service.restoreBackup(id, {
      to: target.databaseName,
      collections: ['east.accounts', 'east.lines'],
    });

    expect((await target.listCollections().toArray()).map(({ name }) => name).toSorted()).toEqual(
      expect.arrayContaining(['accounts', 'lines']),
    );
    expect(await target.collection('accounts').countDocuments()).toBe(ACCOUNTS);
    expect((await target.collection('accounts').indexes()).map(({ name }) => name)).toContain('owner_1');
  });

  it.each([
    [
      'a collection is renamed',
      { op: 'c', ns: 'shop.$cmd', o: { renameCollection: 'shop.orders', to: 'shop.sales' } },
    ],
    ['something is done that nobody knows', { op: 'zz', ns: 'shop.orders', o: { _id: 1 } }],
    ['something is written to that it does not hold', { op: 'i', ns: 'shop.carts', o: { _id: 1 } }],
    [
      'a document would not arrive as it is',
      {
        op: 'i',
        ns: 'shop.orders',
        o: { _id: 1, first_: 1, second: 2 },
      },
    ],
  ])('is refused before anything is touched where in its log %s', async (_, entry) => {
    const { service, directory, database } = await ground();
    const bytes = Buffer.from(
      BSON.serialize({ ts: new BSON.Timestamp({ t: 1_700_000_000, i: 1 }), ...entry }),
    );
    const id = await made(directory, [
      { db: 'shop', collection: 'orders', segments: [[Buffer.from(BSON.serialize({ _id: 1 }))]] },
      { db: '', collection: 'oplog', type: '', metadata: '', segments: [[patched(bytes)]] },
    ]);
    expect(await service.verifyBackup(id)).toMatchObject({ good: true });
    const target = database();

    for (const options of [{}, { dryRun: true }])
      expect(
        await failureOf(service.restoreBackup(id, { to: target.databaseName, ...options })),
      ).toMatchObject({ code: 'RESTORE_REFUSED', message: expect.stringContaining("can't be replayed") });

    expect(await target.listCollections().toArray()).toEqual([]);
  });

  it('is not restored by a user who may not replay a log, and nothing is touched', async () => {
    const server = await startOwnMongo({ user: { name: 'root', password: 'secret' } });
    finally_(() => server.stop());
    const { service, database, another, uri } = await ground({ uri: server.url });
    const shop = database('shop');
    await plantShop(shop);
    const users = [
      ['careful', ['backup', 'restore', 'readWriteAnyDatabase']],
      ['keeper', ['backup', 'restore']],
    ] as const;
    for (const [createUser, roles] of users)
      await shop.client.db('admin').command({ createUser, pwd: 'secret', roles });
    await shop.createCollection('cheap', { viewOn: 'products', pipeline: [] });
    const { id } = await service.createBackup({ oplog: true });
    const before = await contentOf(shop);

    const keeper = await another({ uri: uri.replace('root', 'keeper'), lock: false });
    for (const options of [{ force: true }, { dryRun: true }])
      expect(await failureOf(keeper.restoreBackup(id, options))).toMatchObject({
        code: 'NOT_AUTHORIZED',
        message: expect.stringContaining('readWriteAnyDatabase'),
      });
    expect(await failureOf(keeper.verifyBackup(id, { level: 'restore' }))).toMatchObject({
      code: 'NOT_AUTHORIZED',
    });
    expect(await contentOf(shop)).toEqual(before);

    const careful = await another({ uri: uri.replace('root', 'careful') });
    expect(await careful.createBackup({ oplog: true })).toMatchObject({ pointInTime: true });
    const failure = await failureOf(careful.verifyBackup(id, { level: 'restore' }));
    expect(failure).toMatchObject({
      code: 'NOT_AUTHORIZED',
      message: expect.stringContaining('dbAdminAnyDatabase'),
    });
    const admin = shop.client.db('admin');
    await admin.command({ grantRolesToUser: 'careful', roles: ['dbAdminAnyDatabase'] });
    expect(await careful.verifyBackup(id, { level: 'restore' })).toMatchObject({ good: true });
    const { databases } = await admin.admin().listDatabases({ nameOnly: true });
    expect(databases.filter(({ name }) => name.startsWith('flora_trial'))).toEqual([]);
    await careful.restoreBackup(id, { force: true });
    expect(await contentOf(shop)).toEqual(before);
  });

  it('leaves the target as it was where its restore is killed; the next one succeeds', async () => {
    const { service, client, uri, directory } = await bank();
    await client.db('east').createCollection('visits', { timeseries: { timeField: 'at' } });
    await client.db('east').collection('visits').insertOne({ at: new Date() });
    const writing = writers(client);
    const { id } = await service.createBackup({ oplog: true });
    await writing.stop();
    await client.db('east').collection('visits').drop();
    await client.db('east').collection('accounts').deleteMany({});
    const left = await contents(client, ['east', 'west']);
    const victim = await script(
      `const service = await createBackupService(options);
       let last = 0;
       const onProgress = ({ phase, percent }) => {
         // The third reading is that of the log.
         if (phase === 'load' && percent === 100 && ++last === 3) process.kill(process.pid, 'SIGKILL');
       };
       await service.restoreBackup('${id}', { force: true, onProgress });`,
      { uri, directory, tools: { directory: tools() } },
    );
    await victim.ended;
    const names = (await client.db('east').listCollections().toArray()).map(({ name }) => name);
    expect(names.some((name) => name.startsWith('flora_swap.'))).toBe(true);

    await service.createBackup({ database: 'west' });
    expect(await contents(client, ['east', 'west'])).toEqual(left);
    await service.restoreBackup(id, { force: true });
    await expectOneMoment(client);
    expect(await client.db('east').collection('visits').countDocuments()).toBe(1);
  }, 120_000);

  it('is refused for one database, and on a server that keeps no log', async () => {
    const { service } = await ground({ uri: mongo() });
    expect(await failureOf(service.createBackup({ oplog: true }))).toMatchObject({ code: 'INVALID_OPTIONS' });
    expect(await failureOf(service.createBackup({ oplog: 'yes' as never }))).toMatchObject({
      code: 'INVALID_OPTIONS',
    });

    const server = await startOwnMongo({ replicaSet: false });
    finally_(() => server.stop());
    const alone = await ground({ uri: server.url, oplog: true });
    await plantShop(alone.database('shop'));

    expect(await failureOf(alone.service.createBackup())).toMatchObject({ code: 'OPLOG_UNAVAILABLE' });
    const { another, uri } = await bank();
    const driver = await another({ uri, engine: 'driver' });
    expect(await failureOf(driver.createBackup({ oplog: true }))).toMatchObject({
      code: 'OPLOG_UNAVAILABLE',
    });
    expect(await alone.service.createBackup({ oplog: false })).toMatchObject({ pointInTime: false });
    expect(await failureOf(alone.service.createBackup({ database: 'shop' }))).toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});

/** A mongodump that stops after its first megabyte, until it is let go on. */
async function heldDump(): Promise<{
  tool: string;
  held: () => Promise<void>;
  release: () => Promise<void>;
}> {
  const place = await folder();
  const tool = join(place, 'mongodump');
  const real = join(tools(), 'mongodump');
  await writeFile(
    tool,
    `#!/bin/bash
[ "$1" = --version ] && exec ${real} --version
set -o pipefail
${real} "$@" | (head -c 1000000; touch ${place}/held; while [ ! -e ${place}/go ]; do sleep 0.05; done; cat)
`,
  );
  await chmod(tool, 0o755);
  return {
    tool,
    held: () => until(async () => (await readdir(place)).includes('held')),
    release: () => writeFile(join(place, 'go'), ''),
  };
}

/** Gives two fields of a document one name. */
function patched(entry: Buffer): Buffer {
  const at = entry.indexOf('second\0');
  if (at >= 0) entry.write('first_\0', at);
  return entry;
}

/** A backup as it could come from elsewhere. */
async function made(directory: string, namespaces: MadeNamespace[]): Promise<string> {
  const id = 'made-elsewhere';
  const bytes = archive(namespaces);
  const reader = new ArchiveReader();
  reader.write(bytes);
  const summary = reader.end();
  const hashed = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  const oplog = manifestOplog(summary, 'archive');
  await mkdir(join(directory, id), { recursive: true, mode: 0o700 });
  await writeFile(join(directory, id, 'archive'), bytes);
  const manifest = newManifest({
    id,
    createdAt: '2026-01-01T00:00:00.000Z',
    seconds: 1,
    source: { database: '*', serverVersion: summary.serverVersion },
    engine: { name: 'mongodump', version: '100.18.0' },
    ...(oplog ? { oplog } : {}),
    archive: { file: 'archive', codec: 'none', ...hashed, plain: hashed },
    namespaces: manifestNamespaces(summary),
  });
  await writeFile(join(directory, id, 'manifest.json'), writeManifest(manifest));
  return id;
}

interface Bank extends Ground {
  readonly client: Client;
}

/** Two banks that send money to each other, on a replica set of their own. */
async function bank(): Promise<Bank> {
  const server = await startOwnMongo();
  finally_(() => server.stop());
  const made = await ground({ uri: server.url });
  const client = await MongoClient.connect(server.url);
  finally_(() => client.close());
  for (const name of ['east', 'west']) {
    const db = made.database(name);
    const accounts = Array.from({ length: ACCOUNTS }, (_, at) => ({ _id: at, owner: at, money: 100 }));
    await db.collection<{ _id: number }>('accounts').insertMany(accounts);
    await db.collection('accounts').createIndex({ owner: 1 }, { unique: true });
    await db
      .collection('ballast')
      .insertMany(Array.from({ length: 4_000 }, () => ({ text: 'x'.repeat(4_000) })));
  }
  return { ...made, client };
}

/**
 * Transfers in transactions; owners that move on from account to account, each to one that has just been left, under a
 * unique index; and lines that are written in the east first and then, each for itself, in the west.
 */
function writers(client: Client): { stop: () => Promise<{ transfers: number; lines: number }> } {
  const state = { going: true };
  let transfers = 0;
  let lines = 0;
  const [east, west] = [client.db('east'), client.db('west')];
  const one = (): { _id: number } => ({ _id: Math.floor(Math.random() * ACCOUNTS) });
  const accounts = (db: typeof east) => db.collection<{ _id: number; money: number }>('accounts');
  const transfer = async (): Promise<void> => {
    while (state.going)
      await client.withSession((session) =>
        session.withTransaction(async () => {
          await accounts(east).updateOne(one(), { $inc: { money: -1 } }, { session });
          await accounts(west).updateOne(one(), { $inc: { money: 1 } }, { session });
          transfers++;
        }),
      );
  };
  const write = async (): Promise<void> => {
    for (; state.going; lines++)
      for (const db of [east, west])
        await db.collection('lines').insertOne({ _id: lines, list: [{ n: 1 }] } as object);
  };
  const swap = async (): Promise<void> => {
    const owners = Array.from({ length: ACCOUNTS }, (_, owner) => owner);
    for (let at = 0, spare = ACCOUNTS; state.going; at = (at + 1) % ACCOUNTS) {
      await accounts(east).updateOne({ _id: at }, { $set: { owner: spare } });
      [owners[at], spare] = [spare, owners[at]!];
      await sleep(1);
    }
  };
  const running = Promise.all([transfer(), transfer(), write(), swap()]);
  return {
    stop: async () => {
      state.going = false;
      await running;
      return { transfers, lines };
    },
  };
}

async function expectOneMoment(client: Client): Promise<void> {
  const sums = await Promise.all(
    ['east', 'west'].map(async (name) => {
      const found = await client.db(name).collection('accounts').find().toArray();
      expect(found.length).toBe(ACCOUNTS);
      return found.reduce((sum, { money }) => sum + (money as number), 0);
    }),
  );
  expect(sums[0]! + sums[1]!).toBe(2 * 100 * ACCOUNTS);
  const [first, second] = await Promise.all(
    ['east', 'west'].map((name) => client.db(name).collection('lines').countDocuments()),
  );
  expect([0, 1]).toContain(first! - second!);
}

async function contents(client: Client, names: readonly string[]): Promise<unknown> {
  return Promise.all(names.map((name) => contentOf(client.db(name))));
}
