import { createHash } from 'node:crypto';
import { readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { DiskStorage } from '../../../src/backup/storage/disk.storage.js';
import { bestCodec } from '../../../src/backup/compression.js';
import type { BackupProgress } from '../../../src/backup/progress.js';
import { describeWith, tools } from '../../servers/index.js';
import { contentOf, describeEngines, failureOf, folder, ground, plantShop } from './ground.js';

const { BSON } = mongoose.mongo;

describeEngines('a backup', () => {
  it('brings back every document to the bit, indexes, options, views and time series', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    await db.createCollection('log', { capped: true, size: 100_000, max: 50 });
    await db.collection('log').insertMany(Array.from({ length: 80 }, (_, line) => ({ line })));
    await db.createCollection('checked', {
      validator: { price: { $type: 'int' } },
      validationAction: 'error',
    });
    const breaksItsValidator = { price: 'by weight' };
    await db.collection('checked').insertOne(breaksItsValidator, { bypassDocumentValidation: true });
    await db.createCollection('names', { collation: { locale: 'fr' } });
    await db.collection('names').insertOne({ name: 'pâquerette' });
    await db.collection('names').createIndex({ name: 1 }, { collation: { locale: 'simple' } });
    await db.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true } });
    await db.collection('clustered').insertOne({ kind: 'rose' });
    await db.createCollection('empty');
    await db.collection('carts').insertOne({ at: new Date() });
    await db.collection('carts').createIndex({ at: 1 }, { expireAfterSeconds: 3_600 });
    await db.collection('carts').createIndex({ 'lines.$**': 1 }, { name: 'wild' });
    await db.collection(`odd * "name"; 'x' \\ ü -- ?`).insertOne({ a: 1 });
    await db.createCollection('cheap', {
      viewOn: 'products',
      pipeline: [{ $match: { stock: { $lt: BSON.Long.fromNumber(9) } } }],
    });
    await db.createCollection('visits', { timeseries: { timeField: 'at', metaField: 'page' } });
    await db
      .collection('visits')
      .insertMany(
        Array.from({ length: 100 }, (_, index) => ({ at: new Date(1e12 + index * 6e4), page: index % 3 })),
      );
    const before = await contentOf(db);

    const backup = await service.createBackup({ label: 'spring' });
    await db.dropDatabase();
    const report = await service.restoreBackup(backup.id);

    expect(await contentOf(db)).toEqual(before);
    expect(await db.collection('cheap').countDocuments()).toBe(9);
    expect(report.namespaces.every(({ replaced }) => !replaced)).toBe(true);
    expect(report.documents).toBe(backup.documents);
  });

  it('says what it holds, and the same when it is listed, by its id and as the latest', async () => {
    const { db, service, directory } = await ground();
    await plantShop(db);

    const backup = await service.createBackup({ label: 'spring' });

    expect(backup).toMatchObject({
      status: 'good',
      label: 'spring',
      database: db.databaseName,
      documents: 2_500,
      codec: bestCodec(),
      engine: {
        name: expect.stringMatching(/^(mongodump|driver)$/),
        version: expect.stringMatching(/^(100\.|mongoose-)/),
      },
      location: join(directory, backup.id),
    });
    expect(
      backup.namespaces?.map(({ collection, documents, indexes }) => [collection, documents, indexes]),
    ).toEqual(
      expect.arrayContaining([
        ['products', 2_000, ['_id_', 'name_1', 'price_-1_added_1']],
        ['orders', 500, ['_id_']],
      ]),
    );
    expect(await service.getBackup(backup.id)).toEqual(backup);
    expect(await service.listBackups()).toEqual([backup]);
    expect((await service.restoreBackup('latest', { dryRun: true })).id).toBe(backup.id);
  });

  it('is kept for its owner alone, with hashes of the stored bytes and of the archive in them', async () => {
    const { db, service, directory } = await ground({ compression: { codec: 'gzip' } });
    await plantShop(db);

    const { id, sha256, bytes } = await service.createBackup();

    const folder = join(directory, id);
    const modes = await Promise.all(
      [directory, folder, join(folder, 'archive.gz'), join(folder, 'manifest.json')].map(mode),
    );
    expect(modes).toEqual(['700', '700', '600', '600']);
    const stored = await readFile(join(folder, 'archive.gz'));
    expect(stored.length).toBe(bytes);
    expect(hash(stored)).toBe(sha256);
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    expect(hash(gunzipSync(stored))).toBe(manifest.archive.plain.sha256);
  });

  it.each(['gzip', 'none'] as const)('comes back with the codec %s', async (codec) => {
    const { db, service } = await ground({ compression: { codec } });
    await plantShop(db);
    const before = await contentOf(db);

    const { id } = await service.createBackup();
    await db.dropDatabase();
    await service.restoreBackup(id);

    expect(await contentOf(db)).toEqual(before);
  });

  it.runIf(bestCodec() === 'zstd')('comes back with the codec zstd', async () => {
    const { db, service } = await ground({ compression: { codec: 'zstd' } });
    await plantShop(db);
    const before = await contentOf(db);

    const { id } = await service.createBackup();
    expect(await service.verifyBackup(id)).toMatchObject({ good: true, documents: 2_500 });
    await db.dropDatabase();
    await service.restoreBackup(id);

    expect(await contentOf(db)).toEqual(before);
  });

  it('is found by its path: folder or manifest, wherever it was moved, and not by a symbolic link', async () => {
    const { db, service, directory } = await ground();
    await plantShop(db);
    const before = await contentOf(db);
    const { id } = await service.createBackup();
    const elsewhere = join(await folder(), 'usb stick');
    const { cp } = await import('node:fs/promises');
    await cp(join(directory, id), elsewhere, { recursive: true });
    await symlink(elsewhere, `${elsewhere}-link`);

    for (const path of [elsewhere, `${elsewhere}/`, join(elsewhere, 'manifest.json')]) {
      await db.dropDatabase();
      await service.restoreBackup(path);
      expect(await contentOf(db)).toEqual(before);
    }
    for (const path of [
      `${elsewhere}-link`,
      `${elsewhere}-link/`,
      '/',
      '../../etc/passwd',
      `${directory}/none`,
      '/a\0b',
    ])
      expect(await failureOf(service.restoreBackup(path, { dryRun: true }))).toMatchObject({
        code: 'BACKUP_NOT_FOUND',
      });
  });

  it('can be made of some collections, a view and a time series among them', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    await db.createCollection('visits', { timeseries: { timeField: 'at' } });
    await db.collection('visits').insertOne({ at: new Date() });
    await db.createCollection('cheap', { viewOn: 'products', pipeline: [] });

    for (const collections of [['orders'], ['visits'], ['cheap'], ['orders', 'visits', 'cheap']]) {
      const backup = await service.createBackup({ collections });
      expect(backup.namespaces?.map(({ collection }) => collection).toSorted()).toEqual(
        collections.toSorted(),
      );
      expect(backup.collections).toEqual(collections);
    }
    expect(await failureOf(service.createBackup({ collections: ['orders', 'ordres'] }))).toMatchObject({
      code: 'COLLECTION_NOT_FOUND',
    });
  });

  it('is kept in a storage of the application, where one is given', async () => {
    const storage = new DiskStorage(join(await folder(), 'own'));
    const { db, service, files } = await ground({ storage });
    await plantShop(db);

    const { id, location } = await service.createBackup();

    expect(location).toBe(join(storage.location, id));
    expect(await storage.list()).toEqual([id]);
    expect(await files()).toEqual([]);
    expect(await service.restoreBackup('latest', { force: true })).toMatchObject({ id });
  });

  it('tells how far it is, while it is made and while it is restored', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    const seen: BackupProgress[] = [];
    const onProgress = (progress: BackupProgress): void => void seen.push(progress);

    const { id } = await service.createBackup({ onProgress });
    await service.restoreBackup(id, { force: true, onProgress });

    for (const phase of ['dump', 'verify', 'load'] as const) {
      const told = seen.filter((progress) => progress.phase === phase);
      expect(told.at(-1)).toMatchObject({
        documents: 2_500,
        totalDocuments: 2_500,
        percent: 100,
        collections: [],
        collectionsDone: 2,
        totalCollections: 2,
      });
      const under = told.filter(({ collectionsDone }) => collectionsDone < 2);
      expect(under.every(({ percent }) => percent! < 100)).toBe(true);
    }
  });

  it('is not lost to a listener that throws', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    const onProgress = () => {
      throw new Error('a progress bar with a bug');
    };

    expect(await service.createBackup({ onProgress })).toMatchObject({ status: 'good' });
  });
});

describeWith(['mongo', 'tools'], "the engine 'auto'", () => {
  it('is the tools where they are, else the driver, and the backup says which', async () => {
    const { db, another } = await ground();
    await plantShop(db);
    const before = await contentOf(db);
    const withTools = await another({ engine: 'auto' });
    const without = await another({ engine: 'auto', tools: { directory: await folder() } });

    const [first, second] = [await withTools.createBackup(), await without.createBackup()];

    expect([first, second].map(({ engine }) => engine?.name)).toEqual(['mongodump', 'driver']);
    expect(second.documents).toBe(first.documents);
    for (const [id, service] of [[first.id, without] as const, [second.id, withTools] as const]) {
      await db.dropDatabase();
      await service.restoreBackup(id);
      expect(await contentOf(db)).toEqual(before);
    }
  });

  it('is chosen for each job: with mongodump alone, backups are made by it and restored by the driver', async () => {
    const { db, another } = await ground();
    await plantShop(db);
    const before = await contentOf(db);
    const directory = await folder();
    await symlink(join(tools(), 'mongodump'), join(directory, 'mongodump'));
    const service = await another({ engine: 'auto', tools: { directory } });

    const { id, engine } = await service.createBackup();

    expect(engine?.name).toBe('mongodump');
    expect(await service.verifyBackup(id, { level: 'restore' })).toMatchObject({ good: true });
    await db.dropDatabase();
    await service.restoreBackup(id);
    expect(await contentOf(db)).toEqual(before);
  });

  it('refuses a backup with the log before anything is begun where there are no tools', async () => {
    const { another, directory } = await ground();
    const service = await another({ engine: 'auto', tools: { directory: await folder() } });

    expect(await failureOf(service.createBackup({ database: '*', oplog: true }))).toMatchObject({
      code: 'OPLOG_UNAVAILABLE',
      message: expect.stringContaining('install the MongoDB database tools'),
    });

    expect(await stat(directory).catch(() => 'not even the folder')).toBe('not even the folder');
  });
});

async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
