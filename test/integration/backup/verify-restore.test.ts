import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { describeWith, startOwnMongo, tools } from '../../servers/index.js';
import { script } from './compiled.js';
import {
  contentOf,
  type Db,
  describeEngines,
  failureOf,
  finally_,
  folder,
  ground,
  plantShop,
} from './ground.js';
import { childOf, until } from './processes.js';
import { forge } from './tampering.js';

const { BSON, MongoClient } = mongoose.mongo;

describeEngines('verification by a restore for trial', () => {
  it('finds a good backup of everything that MongoDB has good, and leaves nothing behind', async () => {
    const { db, service } = await ground();
    await plantEverything(db);
    const { id, documents } = await service.createBackup();
    const before = await contentOf(db);

    const report = await service.verifyBackup(id, { level: 'restore' });

    expect(report).toMatchObject({ id, level: 'restore', good: true, documents });
    expect(report.problem).toBeUndefined();
    expect(await trialsOf(db)).toEqual([]);
    expect(await contentOf(db)).toEqual(before);
  });

  it.each([
    ['the server does not know how to make', '"name":"number_1","collation":{"locale":"nowhere"}', 'nowhere'],
    ['the documents break', '"name":"number_1","unique":true', 'index: number_1 dup key: {…}'],
  ])('finds an index that %s, and says so, as a restore does', async (_, index, told) => {
    const { db, service, directory } = await ground({ compression: { codec: 'none' } });
    await db.collection('orders').insertMany([{ number: 1 }, { number: 1 }]);
    await db.collection('orders').createIndex({ number: 1 });
    const before = await contentOf(db);
    const { id } = await service.createBackup();
    // As somebody would who knows how checksums are made.
    await forge(join(directory, id), (metadata) => metadata.replace('"name":"number_1"', index));
    expect(await service.verifyBackup(id)).toMatchObject({ good: true });

    const { good, problem } = await service.verifyBackup(id, { level: 'restore' });
    const failure = await failureOf(service.restoreBackup(id, { force: true }));

    expect(good).toBe(false);
    expect(failure).toMatchObject({ code: 'RESTORE_MISMATCH' });
    for (const text of [problem, failure.message]) {
      expect(text).toContain(`${db.databaseName}.orders`);
      expect(text).toContain(told);
      expect(text).not.toContain('flora_');
    }
    expect(await trialsOf(db)).toEqual([]);
    expect(await contentOf(db)).toEqual(before);
  });
});

describeWith(['mongo', 'tools'], 'verification by a restore for trial', () => {
  it.each([
    [
      'leaves out a document',
      `delete from orders`,
      /orders has 499 documents after a restore instead of 500/,
    ],
    ['changes a document', `change in orders`, /orders has other documents after a restore/],
    ['leaves out the indexes', '--noIndexRestore', /products has other indexes after a restore: /],
    ['leaves out the options', '--noOptionsRestore', /log has other options after a restore: capped, size/],
    ['leaves out a collection', '--nsExclude=*.orders', /orders is not there after a restore/],
  ])('says of which namespace what differs, where mongorestore %s', async (_, how, told) => {
    const { db, service, another } = await ground();
    await plantShop(db);
    await db.createCollection('log', { capped: true, size: 4_096 });
    const { id } = await service.createBackup();
    const lying = await another({ tools: { mongorestore: await liar(how, db) } });

    const report = await lying.verifyBackup(id, { level: 'restore' });

    expect(report).toMatchObject({ good: false, level: 'restore' });
    expect(report.problem).toMatch(told);
    expect(await trialsOf(db)).toEqual([]);
  });

  it('finds stored bytes that were changed before anything is restored', async () => {
    const { db, service, directory } = await ground({ compression: { codec: 'none' } });
    await plantShop(db);
    const { id } = await service.createBackup();
    const path = join(directory, id, 'archive');
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 4;
    await writeFile(path, bytes);

    expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({
      good: false,
      problem: expect.stringContaining('is damaged'),
    });
    expect(await trialsOf(db)).toEqual([]);
  });

  it('of a backup of the whole instance gives each database a trial of its own', async () => {
    const server = await startOwnMongo({ replicaSet: false });
    finally_(() => server.stop());
    const { service, database, uri } = await ground({ uri: server.url });
    await plantShop(database('shop'));
    await database('shop').createCollection('cheap', {
      viewOn: 'products',
      pipeline: [{ $match: { stock: 1 } }],
    });
    await database('accounts').collection('orders').insertOne({ of: 'another' });
    const { id, documents } = await service.createBackup();

    expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({
      good: true,
      documents,
    });

    expect((await databasesAt(uri)).filter((name) => name.startsWith('flora_trial'))).toEqual([]);
  });

  it('loses nothing to indexes and collections whose documents have expired already', async () => {
    const server = await startOwnMongo({
      replicaSet: false,
      args: ['--setParameter', 'ttlMonitorSleepSecs=1'],
    });
    finally_(() => server.stop());
    const { db, service } = await ground({ uri: `${server.url}shop` });
    const expiring = async (are: boolean) => db.admin().command({ setParameter: 1, ttlMonitorEnabled: are });
    await expiring(false);
    await db.collection('carts').createIndex({ at: 1 }, { expireAfterSeconds: 1 });
    await db.collection('carts').insertMany(Array.from({ length: 500 }, () => ({ at: new Date(0) })));
    await db.createCollection('visits', { timeseries: { timeField: 'at' }, expireAfterSeconds: 1 });
    await db.collection('visits').insertOne({ at: new Date(1e9) });
    const { id } = await service.createBackup();
    await expiring(true);

    expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({
      good: true,
      documents: 501,
    });
  });

  it('when it is stopped drops what it has restored so far', async () => {
    const { db, service } = await ground();
    await plantMuch(db);
    const { id } = await service.createBackup();
    const stop = new AbortController();
    const onProgress = ({ phase }: { phase: string }) => phase === 'load' && stop.abort();

    const verifying = service.verifyBackup(id, { level: 'restore', signal: stop.signal, onProgress });

    expect(await failureOf(verifying)).toMatchObject({ code: 'ABORTED' });
    expect(await trialsOf(db)).toEqual([]);
    expect(await childOf('mongorestore')).toBeUndefined();
  });

  it.each(['verification', 'start'])(
    'of a process that was killed is removed by the next %s',
    async (next) => {
      const { db, service, uri, directory, another } = await ground();
      await plantMuch(db);
      const { id } = await service.createBackup();
      const {
        process: victim,
        written,
        ended,
      } = await script(
        `const service = await createBackupService(options);
       const onProgress = ({ phase, documents }) => {
         if (phase !== 'load' || documents < 1000) return;
         console.log('loading');
         process.kill(process.pid, 'SIGSTOP');
       };
       await service.verifyBackup('${id}', { level: 'restore', onProgress });`,
        { uri, directory, tools: { directory: tools() } },
      );
      await written('loading');
      const own = `flora_trial-`;
      const pid = `-${victim.pid}-`;
      const left = async () =>
        (await databasesAt(uri)).filter((name) => name.startsWith(own) && name.includes(pid));
      await until(async () => (await left()).length > 0);
      victim.kill('SIGKILL');
      await ended;

      if (next === 'start') await another();
      else expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({ good: true });

      expect(await left()).toEqual([]);
    },
  );

  it('says so where the user may not write to other databases', async () => {
    const server = await startOwnMongo({ replicaSet: false, user: { name: 'root', password: 'secret' } });
    finally_(() => server.stop());
    const client = await MongoClient.connect(server.url);
    finally_(() => client.close());
    const shop = client.db('shop');
    await plantShop(shop);
    await shop.command({ createUser: 'keeper', pwd: 'secret', roles: ['readWrite'] });
    const uri = `mongodb://keeper:secret@127.0.0.1:${server.port}/shop`;
    const { service } = await ground({ uri });
    const { id } = await service.createBackup();

    const failure = await failureOf(service.verifyBackup(id, { level: 'restore' }));

    expect(failure).toMatchObject({ code: 'NOT_AUTHORIZED' });
    expect(failure.message).not.toContain('secret');
  });
});

/** A mongorestore that does not do what it is asked, and says that all went well. */
async function liar(how: string, db: Db): Promise<string> {
  const path = join(await folder(), 'mongorestore');
  const real = join(tools(), 'mongorestore');
  const isFlag = how.startsWith('--');
  const after = isFlag ? '' : `node after.mjs`;
  if (!isFlag) {
    const change = how.startsWith('delete') ? 'deleteOne({})' : 'updateOne({}, { $set: { number: -1 } })';
    await writeFile(
      `${path}.mjs`,
      `import mongoose from '${import.meta.resolve('mongoose')}';
       const client = await mongoose.mongo.MongoClient.connect('${clientOf(db)}');
       const names = (await client.db().admin().listDatabases({ nameOnly: true })).databases.map(({ name }) => name);
       for (const name of names.filter((name) => name.startsWith('flora_trial') && name.includes('-${process.pid}-')))
         await client.db(name).collection('orders').${change};
       await client.close();`,
    );
  }
  await writeFile(
    path,
    `#!/bin/bash
[ "$1" = --version ] && exec ${real} --version
${real} "$@" ${isFlag ? `"${how}"` : ''} || exit 1
${after.replace('node after.mjs', `${process.execPath} ${path}.mjs`)}
exit 0
`,
  );
  await chmod(path, 0o755);
  return path;
}

function clientOf(db: Db): string {
  return `mongodb://${db.client.options.hosts[0]!.toString()}/?directConnection=true`;
}

/** What a trial of this process has left on the server. */
async function trialsOf(db: Db): Promise<string[]> {
  const { databases } = await db.admin().listDatabases({ nameOnly: true });
  const own = new RegExp(`^flora_trial-[0-9a-f]{8}-${process.pid}-`);
  return databases.map(({ name }) => name).filter((name) => own.test(name));
}

async function databasesAt(uri: string): Promise<string[]> {
  const client = await MongoClient.connect(uri);
  const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
  await client.close();
  return databases.map(({ name }) => name);
}

async function plantEverything(db: Db): Promise<void> {
  await plantShop(db);
  await db.createCollection('log', { capped: true, size: 100_000, max: 50 });
  await db.collection('log').insertMany(Array.from({ length: 80 }, (_, line) => ({ line })));
  await db.createCollection('checked', { validator: { price: { $type: 'int' } } });
  await db.collection('checked').insertOne({ price: 'by weight' }, { bypassDocumentValidation: true });
  await db.createCollection('names', { collation: { locale: 'fr' } });
  await db.collection('names').insertOne({ name: 'pâquerette' });
  await db.collection('names').createIndex({ name: 1 }, { collation: { locale: 'simple' } });
  await db.createCollection('clustered', {
    clusteredIndex: { key: { _id: 1 }, unique: true },
    expireAfterSeconds: 1,
  });
  await db.collection<{ _id: Date }>('clustered').insertOne({ _id: new Date('2090-01-01') });
  await db.createCollection('empty');
  await db.collection('carts').insertOne({ at: new Date('2090-01-01') });
  await db.collection('carts').createIndex({ at: 1 }, { expireAfterSeconds: 1 });
  await db.collection('carts').createIndex({ 'lines.$**': 1 }, { name: 'wild' });
  await db.collection(`odd * "name"; 'x' \\ ü`).insertOne({ a: 1 });
  await db.createCollection('cheap', {
    viewOn: 'products',
    pipeline: [{ $match: { stock: BSON.Long.fromNumber(9) } }],
  });
  await db.createCollection('cheaper', { viewOn: 'cheap', pipeline: [{ $limit: 1 }] });
  await db.createCollection('visits', {
    timeseries: { timeField: 'at', metaField: 'page' },
    expireAfterSeconds: 1e9,
  });
  const visits = Array.from({ length: 100 }, (_, at) => ({ at: new Date(1.7e12 + at * 6e4), page: at % 3 }));
  await db.collection('visits').insertMany(visits);
}

async function plantMuch(db: Db): Promise<void> {
  await plantShop(db);
  const text = 'roses are red '.repeat(60);
  await db.collection('much').insertMany(Array.from({ length: 8_000 }, (_, index) => ({ index, text })));
}
