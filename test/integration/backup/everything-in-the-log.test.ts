import { chmod, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { toExtendedJson } from '../../../src/backup/archive/extended-json.js';
import { rawBatches } from '../../../src/backup/engine/driver/raw-cursor.js';
import { describeWith, startOwnMongo, tools } from '../../servers/index.js';
import { contentOf, type Db, finally_, folder, ground } from './ground.js';
import { until } from './processes.js';
import { seeded } from './seeded.js';

const { BSON, MongoClient } = mongoose.mongo;
type Client = mongoose.mongo.MongoClient;

const SEED = process.env['BACKUP_SEED'] ?? '1';

describeWith(['mongod', 'tools'], 'a backup of a point in time', () => {
  it('is as the server was, whatever was done while it was made', async () => {
    const server = await startOwnMongo();
    finally_(() => server.stop());
    const { another, database, service } = await ground({ uri: server.url });
    const client = await MongoClient.connect(server.url);
    finally_(() => client.close());
    const shop = database('shop');
    await plant(shop);
    const place = await folder();
    const slow = await another({ tools: { directory: tools(), mongodump: await slowDump(place) } });

    const making = slow.createBackup({ oplog: true });
    await Promise.race([until(() => existsSync(join(place, 'begun'))), making]);
    const done = await change(client, client.db('shop')).finally(() => writeFile(join(place, 'go'), ''));
    const { id, oplog } = await making;

    expect(oplog![0]!.entries).toBeGreaterThan(500);
    expect(done['transaction']).toBeGreaterThan(0);
    const names = ['shop', 'views'];
    const before = await allOf(client, names);
    for (const engine of ['mongodump', 'driver'] as const) {
      for (const name of names) await database(name).dropDatabase();
      await (await another({ engine })).restoreBackup(id);

      const after = await allOf(client, names);
      expect(Object.keys(after)).toEqual(Object.keys(before));
      for (const [name, found] of Object.entries(after)) expect([name, found]).toEqual([name, before[name]]);
    }
    expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({ good: true });
  }, 300_000);
});

/** Documents, and definitions as the bytes they are: the order of their members, too, is to come back. */
async function allOf(client: Client, names: readonly string[]): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  for (const database of names) {
    const db = client.db(database);
    for (const [name, found] of Object.entries(await contentOf(db))) all[`${database}.${name}`] = found;
    const listed = (await documentsOf(db, { listCollections: 1 }))
      .map(
        (bytes) => BSON.deserialize(bytes, { raw: true }) as { name: string; type: string; options: Buffer },
      )
      .filter(({ name }) => !name.startsWith('system.') && name !== 'flora_backup.locks');
    for (const { name, type, options } of listed) {
      const indexes = type === 'view' ? [] : await documentsOf(db, { listIndexes: name });
      all[`${database}.${name} is`] = [toExtendedJson(options), ...indexes.map(toExtendedJson).toSorted()];
    }
  }
  return Object.fromEntries(Object.entries(all).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

async function documentsOf(db: Db, command: object): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const batch of rawBatches(db, { ...command })) found.push(...batch.documents());
  return found;
}

const MANY = Array.from({ length: 12 }, (_, index) => `c${index}`);

async function plant(db: Db): Promise<void> {
  for (const name of ['ballast1', 'ballast2', 'ballast3', 'ballast4'])
    await db
      .collection(name)
      .insertMany(Array.from({ length: 3_000 }, (_, _id) => ({ _id, text: 'x'.repeat(4_000) })) as object[]);
  for (const name of MANY)
    await db
      .collection(name)
      .insertMany(
        Array.from({ length: 60 }, (_, _id) => ({ _id, owner: _id, list: [1, { a: 1 }], n: 0 })) as object[],
      );
  for (const name of MANY) await db.collection(name).createIndex({ owner: 1 }, { unique: true });
  await db.createCollection('capped', { capped: true, size: 8_192, max: 40 });
  await db.collection('capped').insertMany(Array.from({ length: 60 }, (_, line) => ({ line })));
  await db.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true } });
  await db.createCollection('french', { collation: { locale: 'fr' } });
  await db.createCollection('visits', { timeseries: { timeField: 'at', metaField: 'page' } });
  await db.createCollection('large');
}

async function change(client: Client, db: Db): Promise<Record<string, number>> {
  const random = seeded(SEED);
  const done: Record<string, number> = {};
  const below = (end: number): number => Math.floor(random() * end);
  const count = (what: string): void => void (done[what] = (done[what] ?? 0) + 1);
  let next = 1_000;
  const step = async (): Promise<void> => {
    const name = MANY[below(MANY.length)]!;
    const docs = db.collection<{ _id: number }>(name);
    const _id = below(70);
    const kinds: Record<string, () => Promise<unknown>> = {
      insert: () => docs.insertOne({ _id, owner: next++, list: [], n: 1 } as never).catch(() => 0),
      delete: () => docs.deleteOne({ _id }),
      replace: () =>
        docs.replaceOne(
          { _id },
          { owner: next++, list: [[1], { b: { 10: 1, 2: 2 } }] },
          {
            upsert: true,
          },
        ),
      set: () =>
        docs.updateOne(
          { _id },
          {
            $set: { 'list.1.a': next, 'deep.10.x': 1, 'deep.2.y': [1, 2] },
            $inc: { n: 1 },
          },
        ),
      unset: () => docs.updateOne({ _id }, { $unset: { deep: 1, 'list.0': 1 } } as never),
      push: () =>
        docs
          .updateOne({ _id }, { $push: { more: { $each: [1, 2, 3], $slice: -4, $sort: -1 } } })
          .catch(() => 0),
      pull: () => docs.updateOne({ _id }, { $pop: { list: 1 } } as never).catch(() => 0),
      pipeline: () =>
        docs.updateMany({ _id: { $gt: _id } }, [{ $set: { list: [{ $add: ['$_id', 1] }], n: '$$NOW' } }]),
      owner: () => docs.updateOne({ _id }, { $set: { owner: next++ } }),
      move: async () => {
        const [one, other] = [await docs.findOne({ _id }), await docs.findOne({ _id: below(70) })];
        if (!one || !other || one._id === other._id) return;
        const { owner } = one as unknown as { owner: number };
        await docs.updateOne({ _id: one._id }, { $set: { owner: next++ } });
        await docs.updateOne({ _id: other._id }, { $set: { owner } });
      },
      transaction: () =>
        client
          .withSession((session) =>
            session.withTransaction(async () => {
              for (const name of MANY.slice(0, 3))
                await db
                  .collection<{ _id: number }>(name)
                  .updateOne({ _id }, { $inc: { n: 1 }, $push: { list: next++ } }, { session });
            }),
          )
          .catch(() => 0),
      drop: async () => {
        if (random() > 0.1) return;
        await docs.drop();
        await db.createCollection(name, random() > 0.5 ? { collation: { locale: 'de' } } : {});
        await docs.insertMany(Array.from({ length: 20 }, (_, _id) => ({ _id, owner: next++ })));
        await docs.createIndex({ owner: 1 }, { unique: true });
      },
      index: () => docs.createIndex({ [`f${below(5)}`]: 1, 10: 1, 2: -1 }),
      dropIndex: () => docs.dropIndex(`f${below(5)}_1_10_1_2_-1`).catch(() => 0),
      dropIndexes: async () => {
        if (random() > 0.2) return;
        await docs.dropIndexes();
        await docs.createIndex({ owner: 1 }, { unique: true });
      },
      capped: () => db.collection('capped').insertMany([{ next }, { next: next++ }]),
      clustered: () =>
        db.collection<{ _id: number }>('clustered').replaceOne({ _id }, { next }, { upsert: true }),
      visits: () =>
        db.collection('visits').insertOne({ at: new Date(1.7e12 + next++ * 1000), page: below(3) }),
      deleteVisits: async () => random() < 0.1 && db.collection('visits').deleteMany({ page: below(3) }),
    };
    const names = Object.keys(kinds);
    const kind = names[below(names.length)]!;
    count(kind);
    // What the server refuses is not in its log.
    await kinds[kind]!().catch((error: Error) =>
      error.name.startsWith('Mongo') ? count('refused') : Promise.reject(error),
    );
  };
  for (let at = 0; at < 600; at++) {
    if (at === 300) await rare(client, db);
    await step();
  }
  return done;
}

/** Once each. */
async function rare(client: Client, db: Db): Promise<void> {
  const views = client.db('views');
  await views.createCollection('first', { viewOn: 'base', pipeline: [{ $match: { 10: 1, 2: { $gt: 1 } } }] });
  await views.collection('base').insertOne({ 10: 1, 2: 2 });
  await views.createCollection('second', {
    viewOn: 'first',
    pipeline: [{ $project: { 20: 1, 3: 1 } }],
    collation: { locale: 'simple' },
  });
  await views.dropCollection('first');
  await views.createCollection('first', { viewOn: 'base', pipeline: [] });
  await db.collection('french').insertMany([{ name: 'é' }, { name: 'e' }]);
  await db.collection('french').createIndex({ name: 1 }, { collation: { locale: 'simple' } });
  await db.collection('french').createIndex({ name: -1 });
  await db.collection('french').createIndex({ name: 1, b: 1 }, { collation: { locale: 'de' } });
  await db.createCollection('checked', {
    validator: { 10: { $exists: true }, 2: { $type: 'int' } },
    validationLevel: 'moderate',
  });
  await db.collection('checked').insertOne({ a: 1 }, { bypassDocumentValidation: true });
  await db.collection('checked').createIndex({ at: 1 }, { expireAfterSeconds: 1e9 });
  await db.command({
    collMod: 'checked',
    validator: { b: 1 },
    validationAction: 'warn',
    index: { name: 'at_1', hidden: true },
  });
  await db.command({ collMod: 'c1', validator: { c: { $ne: 1 } } });
  await db
    .collection('c2')
    .createIndex({ text: 'text', list: 'text' }, { weights: { text: 5 }, default_language: 'french' });
  await db.collection('c3').createIndex({ place: '2dsphere' }, { sparse: true });
  await db.collection('c4').createIndex({ '$**': 1 }, { wildcardProjection: { list: 0 } });
  await db.collection('c5').createIndex({ part: 1 }, { partialFilterExpression: { n: { $gt: 5 } } });
  await db.collection('c6').createIndex({ hash: 'hashed' });
  await db.createCollection('odd. "name" ü', { capped: true, size: 4_096 });
  await db.createCollection('made clustered', {
    clusteredIndex: { key: { _id: 1 }, unique: true, name: 'own' },
    expireAfterSeconds: 1e9,
  });
  await db.collection('made clustered').insertOne({ _id: new Date() } as never);
  const most = 16 * 1024 * 1024;
  const filled = (_id: number, size: number): object => {
    const empty = BSON.calculateObjectSize({ _id, bytes: new BSON.Binary(Buffer.alloc(0)) });
    return { _id, bytes: new BSON.Binary(Buffer.alloc(size - empty, _id)) };
  };
  await db.collection('large').insertOne(filled(1, most));
  await db.collection('large').insertOne(filled(2, 1_000));
  await db.collection<{ _id: number }>('large').replaceOne({ _id: 2 }, filled(2, most));
  await db
    .collection<{ _id: number }>('large')
    .updateOne({ _id: 1 }, { $set: { bytes: new BSON.Binary(Buffer.alloc(100)) } });
  await client.withSession((session) =>
    session.withTransaction(async () => {
      for (let _id = 10; _id < 14; _id++)
        await db.collection('large').insertOne(filled(_id, most / 3), { session });
      await db.collection('large').deleteOne({ _id: 10 as never }, { session });
    }),
  );
}

/** A mongodump that is read slowly until it is let go on. */
async function slowDump(place: string): Promise<string> {
  const tool = join(place, 'mongodump');
  const real = join(tools(), 'mongodump');
  await writeFile(
    tool,
    `#!/bin/bash
[ "$1" = --version ] && exec ${real} --version
set -o pipefail
${real} "$@" | (while [ -d ${place} ] && [ ! -e ${place}/go ]; do head -c 400000; touch ${place}/begun; sleep 0.05; done; cat)
`,
  );
  await chmod(tool, 0o755);
  return tool;
}
