import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { toExtendedJson } from '../../../src/backup/archive/extended-json.js';
import { rawBatches } from '../../../src/backup/engine/driver/raw-cursor.js';
import { contentOf, type Db, describeEngines, failureOf, ground } from './ground.js';

const { BSON } = mongoose.mongo;

describeEngines('a backup', () => {
  it('brings back what is rare: every kind of index, names like numbers, strict validators, the largest documents', async () => {
    const { db, service, database } = await ground();
    await plant(db);
    const before = { ...(await contentOf(db)), definitions: await definitionsOf(db) };
    const { id } = await service.createBackup();
    expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({ good: true });

    const elsewhere = database();
    await service.restoreBackup(id, { to: elsewhere.databaseName });
    await db.collection('visits').drop(); // the only kind that force does not replace
    await service.restoreBackup(id, { force: true });

    for (const target of [db, elsewhere])
      expect({ ...(await contentOf(target)), definitions: await definitionsOf(target) }).toEqual(before);
  });

  it('may hold nothing but views, over what is not there', async () => {
    const { db, service, database } = await ground();
    await db.createCollection('inner', { viewOn: 'nowhere', pipeline: [{ $match: { 10: 1, 2: 1 } }] });
    await db.createCollection('outer', { viewOn: 'inner', pipeline: [] });
    const before = await definitionsOf(db);
    const { id } = await service.createBackup();
    expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({ good: true });

    const elsewhere = database();
    await service.restoreBackup(id, { to: elsewhere.databaseName });
    await service.restoreBackup(id, { force: true });

    for (const target of [db, elsewhere]) expect(await definitionsOf(target)).toEqual(before);
  });

  it('with a name that leaves no room for another beside it is refused before anything is touched', async () => {
    const { db, service } = await ground();
    const name = 'n'.repeat(254 - db.databaseName.length);
    await db.collection(name).insertOne({ a: 1 });
    const { id } = await service.createBackup();
    const before = await contentOf(db);

    expect(await failureOf(service.restoreBackup(id, { force: true }))).toMatchObject({
      code: 'RESTORE_REFUSED',
    });
    expect(await failureOf(service.verifyBackup(id, { level: 'restore' }))).toMatchObject({
      code: 'RESTORE_REFUSED',
    });
    expect(await contentOf(db)).toEqual(before);
  });
});

async function plant(db: Db): Promise<void> {
  const things = db.collection('things');
  await things.insertMany([
    { 10: 1, 2: 1, text: 'roses', place: { type: 'Point', coordinates: [1, 2] }, flat: [1, 2], n: 1 },
    { 10: 2, 2: 2, text: 'lilies', n: 9, nested: { 10: 1, 2: { 30: 1, 4: 2 } } },
  ]);
  await things.createIndex(
    new Map([
      ['10', 1],
      ['2', -1],
    ]),
  );
  await things.createIndex({ 'nested.10': 1, 'nested.2': 1 });
  await things.createIndex({ text: 'text' }, { weights: { text: 7 }, default_language: 'french' });
  await things.createIndex({ place: '2dsphere' }, { sparse: true });
  await things.createIndex({ flat: '2d' }, { bits: 20, min: -10, max: 10 });
  await things.createIndex({ n: 'hashed' });
  await things.createIndex(
    { part: 1 },
    { partialFilterExpression: { 10: { $gt: 1 }, 2: { $exists: true } }, unique: true },
  );
  await things.createIndex({ '$**': 1 }, { name: 'wild', wildcardProjection: { nested: 0 } });
  await things.createIndex({ hidden: 1 }, { hidden: true });
  await things.createIndex({ at: 1 }, { expireAfterSeconds: 2 ** 31 - 1 });
  await db.createCollection('strict', {
    validator: new Map<string, unknown>([
      ['10', { $exists: true }],
      ['2', { $type: 'int' }],
    ]),
    validationLevel: 'strict',
    validationAction: 'error',
  });
  await db.collection('strict').insertOne({ breaks: 'it' }, { bypassDocumentValidation: true });
  await db.createCollection('french', { collation: { locale: 'fr', strength: 1 } });
  await db.collection('french').insertMany([{ name: 'é' }, { name: 'E' }]);
  await db.collection('french').createIndex({ name: 1 }, { collation: { locale: 'simple' }, unique: true });
  await db.collection('french').createIndex({ name: -1 });
  await db.createCollection('capped', { capped: true, size: 4_096, max: 3 });
  for (let n = 0; n < 9; n++) await db.collection('capped').insertOne({ n });
  await db.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true, name: 'own' } });
  await db.collection('clustered').insertOne({ n: 1 });
  await db.collection('clustered').createIndex({ 10: 1, 2: 1 });
  await db.createCollection('visits', {
    timeseries: { timeField: 'at', metaField: 'page', granularity: 'hours' },
    expireAfterSeconds: 1e9,
  });
  await db.collection('visits').insertMany([{ at: new Date(), page: { 10: 1, 2: 1 }, n: 1 }]);
  await db.collection('visits').createIndex({ 'page.10': 1, at: -1 });
  await db.createCollection('hits', { viewOn: 'visits', pipeline: [{ $match: { n: 1 } }] });
  await db.createCollection('outer', { viewOn: 'inner', pipeline: [], collation: { locale: 'fr' } });
  await db.createCollection('inner', {
    viewOn: 'things',
    pipeline: [{ $project: { 10: 1, 2: 1 } }, { $lookup: { from: 'french', as: 'all', pipeline: [] } }],
    collation: { locale: 'fr' },
  });
  for (const name of [
    'with.dots.in it',
    ' spaces ',
    'ünïcødé 🌷',
    '-dash',
    'a*b\\c?',
    'long'.repeat(40),
    '%2e%2e',
    'c;rm -rf',
  ])
    await db.collection(name).insertOne({ name });
  const most = 16 * 1024 * 1024;
  const empty = BSON.calculateObjectSize({ _id: 1, bytes: new BSON.Binary(Buffer.alloc(0)) });
  await db
    .collection<{ _id: number }>('largest')
    .insertOne({ _id: 1, bytes: Buffer.alloc(most - empty, 7) } as never);
}

interface Listed {
  readonly name: string;
  readonly type: string;
  readonly options: Uint8Array;
}

/** The order of their members, too, is to come back. */
async function definitionsOf(db: Db): Promise<unknown> {
  const all: [string, string[]][] = [];
  for await (const batch of rawBatches(db, { listCollections: 1 }))
    for (const bytes of batch.documents()) {
      const { name, type, options } = BSON.deserialize(bytes, { raw: true }) as Listed;
      if (name.startsWith('system.') || name === 'flora_backup.locks') continue;
      const indexes: string[] = [];
      if (type !== 'view')
        for await (const found of rawBatches(db, { listIndexes: name }))
          indexes.push(...found.documents().map(toExtendedJson));
      all.push([name, [toExtendedJson(options), ...indexes.toSorted()]]);
    }
  return all.toSorted(([one], [other]) => (one < other ? -1 : 1));
}
