import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, startOwnMongo, unique } from '../../servers/index.js';
import { describeEngines, contentOf, type Db, failureOf, finally_, ground, plantShop } from './ground.js';
import { edit, rewrite } from './tampering.js';

describeWith(['mongo', 'tools'], 'a restore refuses, and touches nothing,', () => {
  it.each<[string, (folder: string) => Promise<void>]>([
    ['a cut archive', (folder) => truncate(join(folder, 'archive'), 1_000)],
    ['an empty archive', (folder) => truncate(join(folder, 'archive'), 0)],
    ['a missing archive', (folder) => rm(join(folder, 'archive'))],
    ['a bit flipped at the start', (folder) => flip(join(folder, 'archive'), 0)],
    ['a bit flipped in an index', (folder) => flip(join(folder, 'archive'), 'name_1')],
    ['a bit flipped in a document', (folder) => flip(join(folder, 'archive'), 'flower 77')],
    ['a bit flipped at the end', (folder) => flip(join(folder, 'archive'), -1)],
    ['bytes added', (folder) => writeFile(join(folder, 'archive'), 'more', { flag: 'a' })],
    ['a manifest with another count', (folder) => edit(folder, (text) => text.replace('2000', '2001'))],
    ['a manifest cut short', (folder) => edit(folder, (text) => text.slice(0, -20))],
    [
      'a manifest of another archive',
      (folder) => rewrite(folder, (found) => ({ ...found, namespaces: found.namespaces.slice(1) })),
    ],
  ])('%s, with force as without', async (_, damage) => {
    const { db, service, directory } = await ground({ compression: { codec: 'none' } });
    await plantShop(db);
    const { id } = await service.createBackup();
    await db.collection('products').deleteMany({ stock: { $gt: 5 } });
    const before = await contentOf(db);
    await damage(join(directory, id));

    for (const force of [true, false])
      for (const ref of [id, join(directory, id)]) {
        const { code } = await failureOf(service.restoreBackup(ref, { force }));
        expect(['BACKUP_DAMAGED', ...(force ? [] : ['TARGET_NOT_EMPTY'])]).toContain(code);
      }
    expect(await contentOf(db)).toEqual(before);
    const report = await service.verifyBackup(id).catch(() => undefined);
    expect(report?.good ?? false).toBe(false);
  });

  it('a compressed archive with a bit flipped anywhere', async () => {
    const { db, service, directory } = await ground({ compression: { codec: 'gzip' } });
    await plantShop(db);
    const { id, bytes = 0 } = await service.createBackup();
    const archive = join(directory, id, 'archive.gz');
    const good = await readFile(archive);

    for (let turn = 0; turn < 40; turn++) {
      await flip(archive, Math.floor((bytes / 40) * turn));
      expect(await service.verifyBackup(id)).toMatchObject({ good: false });
      expect(await service.verifyBackup(id, { level: 'hash' })).toMatchObject({ good: false });
      expect(await failureOf(service.restoreBackup(id, { force: true }))).toMatchObject({
        code: 'BACKUP_DAMAGED',
      });
      await writeFile(archive, good);
    }
    expect(await service.verifyBackup(id)).toMatchObject({ good: true });
  });

  it('a target that holds something, even a collection that is empty or not in the backup', async () => {
    const { db, service, database } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    const withEmpty = database();
    await withEmpty.createCollection('products');
    const withOther = database();
    await withOther.collection('invoices').insertOne({ number: 1 });

    for (const target of [db, withEmpty, withOther]) {
      const before = await contentOf(target);
      const failure = await failureOf(service.restoreBackup(id, { to: target.databaseName }));
      expect(failure).toMatchObject({ code: 'TARGET_NOT_EMPTY', name: 'TargetNotEmptyError' });
      expect(await contentOf(target)).toEqual(before);
    }
  });

  it('a server older than the one the backup was made from', async () => {
    const { db, service, directory } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    await rewrite(join(directory, id), (found) => ({
      ...found,
      source: { ...found.source, serverVersion: '99.1.2' },
    }));
    const before = await contentOf(db);

    const failure = await failureOf(service.restoreBackup(id, { force: true }));

    expect(failure).toMatchObject({ code: 'SERVER_TOO_OLD', message: expect.stringContaining('99.1.2') });
    expect(await contentOf(db)).toEqual(before);
  });

  it.each([
    ['a collection it does not have', { collections: ['ordres'] }, 'COLLECTION_NOT_FOUND'],
    ['no collection', { collections: [] }, 'INVALID_OPTIONS'],
    ['the same collection twice', { collections: ['orders', 'orders'] }, 'INVALID_OPTIONS'],
    ['an impossible name', { to: 'a/b' }, 'INVALID_OPTIONS'],
    ["the server's own database", { to: 'admin' }, 'INVALID_OPTIONS'],
    ['an unknown option', { into: 'x' }, 'INVALID_OPTIONS'],
    ['a text for a yes', { force: 'false' as never }, 'INVALID_OPTIONS'],
    ['a number for a no', { dryRun: 0 as never }, 'INVALID_OPTIONS'],
    ['something for a signal', { signal: {} as never }, 'INVALID_OPTIONS'],
    ['something for a listener', { onProgress: {} as never }, 'INVALID_OPTIONS'],
  ])('to restore %s', async (_, options, code) => {
    const { db, service } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();

    expect(await failureOf(service.restoreBackup(id, { force: true, ...options }))).toMatchObject({ code });
  });

  it('what claims to come from a database of an impossible name', async () => {
    const { db, service, directory, database } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    const manifest = join(directory, id, 'manifest.json');
    const whole = await readFile(manifest);
    for (const name of ['a/b', '', 'x'.repeat(64), 'nul\0']) {
      await writeFile(manifest, whole);
      await rewrite(join(directory, id), (found) => ({
        ...found,
        namespaces: found.namespaces.map((namespace) => ({ ...namespace, database: name })),
      }));
      const to = database();

      for (const options of [{ force: true }, { to: to.databaseName }])
        expect(await failureOf(service.restoreBackup(id, options))).toMatchObject({ code: 'BACKUP_DAMAGED' });
      expect(await service.getBackup(id)).toMatchObject({ status: 'damaged' });
      expect(await contentOf(to)).toEqual({});
    }
  });

  it('to create or verify with something for a signal', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    const wrong = { signal: {} as never };

    expect(await failureOf(service.createBackup(wrong))).toMatchObject({ code: 'INVALID_OPTIONS' });
    for (const level of ['hash', 'archive'] as const)
      expect(await failureOf(service.verifyBackup(id, { level, ...wrong }))).toMatchObject({
        code: 'INVALID_OPTIONS',
      });
  });

  it('to replace what it could not replace at once: a time series', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    await db.createCollection('visits', { timeseries: { timeField: 'at' } });
    await db.collection('visits').insertOne({ at: new Date(), page: 1 });
    const { id } = await service.createBackup();
    const before = await contentOf(db);

    const failure = await failureOf(service.restoreBackup(id, { force: true }));
    expect(failure).toMatchObject({ code: 'RESTORE_REFUSED', message: expect.stringContaining('visits') });
    expect(await contentOf(db)).toEqual(before);

    await db.collection('visits').drop();
    await service.restoreBackup(id, { force: true });
    expect(await contentOf(db)).toEqual(before);
  });

  it('to remove the time series that somebody else made while it ran', async () => {
    const { db, service, database } = await ground();
    const series = { timeseries: { timeField: 'at' } };
    for (const name of ['sales', 'visits']) {
      await db.createCollection(name, series);
      await db.collection(name).insertOne({ at: new Date() });
    }
    const { id } = await service.createBackup();
    const target = database();
    const others = { at: new Date(), mine: true };
    let made: Promise<unknown> | undefined;
    const failure = await failureOf(
      service.restoreBackup(id, {
        to: target.databaseName,
        onProgress: ({ phase }) =>
          void (
            phase === 'load' &&
            (made ??= target
              .createCollection('visits', series)
              .then((visits) => visits.insertOne(others as never)))
          ),
      }),
    );
    await made;

    expect(failure.code).toMatch(/^(RESTORE_MISMATCH|TARGET_NOT_EMPTY)$/);
    expect(await target.collection('visits').countDocuments({ mine: true })).toBe(1);
    const left = await target.listCollections().toArray();
    expect(left.map(({ name }) => name).filter((name) => !name.startsWith('system.'))).toEqual(['visits']);
  });

  it('to spoil another restore into the same place: one that says it is done is done', async () => {
    const { db, service, another, database } = await ground();
    await db.createCollection('visits', { timeseries: { timeField: 'at' } });
    await db.collection('visits').insertMany([{ at: new Date() }, { at: new Date() }]);
    const { id } = await service.createBackup();
    const services = [service, await another(), await another()];
    for (let round = 0; round < 3; round++) {
      const to = database();

      const ends = await Promise.allSettled(
        services.map((one) => one.restoreBackup(id, { to: to.databaseName })),
      );

      if (!ends.some(({ status }) => status === 'fulfilled')) continue;
      expect(await to.collection('visits').countDocuments()).toBe(2);
    }
  });

  it('a name that leaves no room beside it', async () => {
    const { db, service } = await ground();
    await db.collection('x'.repeat(230 - db.databaseName.length)).insertOne({});
    const { id } = await service.createBackup();

    expect(await failureOf(service.restoreBackup(id, { force: true }))).toMatchObject({
      code: 'RESTORE_REFUSED',
    });
  });
});

describeEngines('a restore', () => {
  it('with force replaces what the backup holds and leaves the rest as it is', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    await db.createCollection('cheap', { viewOn: 'products', pipeline: [{ $match: { stock: 1 } }] });
    const before = await contentOf(db);
    const { id } = await service.createBackup();
    await db.collection('products').updateMany({}, { $set: { price: 0 } });
    await db.collection('products').createIndex({ stock: 1 });
    await db.collection('orders').drop();
    await db.command({ collMod: 'cheap', viewOn: 'products', pipeline: [] });
    await db.collection('invoices').insertOne({ number: 1 });

    const report = await service.restoreBackup(id, { force: true });

    const { invoices, ...rest } = await contentOf(db);
    expect(rest).toEqual(before);
    expect(invoices).toBeDefined();
    expect(
      Object.fromEntries(report.namespaces.map(({ to, replaced }) => [to.split('.')[1], replaced])),
    ).toEqual({
      products: true,
      orders: false,
      cheap: true,
    });
  });

  it('with force replaces a view by the collection of its name, and a collection by the view', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    await db.createCollection('cheap', { viewOn: 'products', pipeline: [] });
    const before = await contentOf(db);
    const { id } = await service.createBackup();
    await db.dropDatabase();
    await db.createCollection('orders', { viewOn: 'products', pipeline: [] });
    await db.collection('cheap').insertOne({ now: 'a collection' });

    await service.restoreBackup(id, { force: true });

    expect(await contentOf(db)).toEqual(before);
  });

  it('goes to another database, views and time series included, and leaves the first alone', async () => {
    const { db, service, database } = await ground();
    await plantShop(db);
    await db.createCollection('cheap', { viewOn: 'products', pipeline: [{ $match: { name: 'flower 3' } }] });
    await db.createCollection('visits', { timeseries: { timeField: 'at' } });
    await db.collection('visits').insertOne({ at: new Date(), page: 1 });
    const before = await contentOf(db);
    const { id } = await service.createBackup();
    await db.collection('products').deleteMany({});
    const after = await contentOf(db);

    for (const target of [database(), database(`${unique()}*~`)]) {
      const report = await service.restoreBackup(id, { to: target.databaseName });
      expect(await contentOf(target)).toEqual(before);
      expect(await target.collection('cheap').countDocuments()).toBe(1);
      expect(report.namespaces.map(({ to }) => to.split('.')[0])).toEqual(Array(4).fill(target.databaseName));
    }
    expect(await contentOf(db)).toEqual(after);
  });

  it('brings back chosen collections, into a database that holds others', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    await db.collection('or*ers \\ d').insertOne({ odd: true });
    await db.createCollection('cheap', { viewOn: 'products', pipeline: [] });
    const before = await contentOf(db);
    const { id } = await service.createBackup();
    await db.collection('orders').drop();
    await db.collection('or*ers \\ d').drop();

    expect(await failureOf(service.restoreBackup(id, { collections: ['orders', 'products'] }))).toMatchObject(
      {
        code: 'TARGET_NOT_EMPTY',
        namespaces: [`${db.databaseName}.products`],
      },
    );
    await service.restoreBackup(id, { collections: ['orders'] });
    await service.restoreBackup(id, { collections: ['or*ers \\ d'] });
    await db.collection('cheap').drop();
    await service.restoreBackup(id, { collections: ['cheap'] });

    expect(await contentOf(db)).toEqual(before);
  });

  it('in a dry run tells what would happen, or why not, and touches nothing', async () => {
    const { db, service, database } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    const before = await contentOf(db);
    const nowhere = database();

    const refused = await service.restoreBackup(id, { dryRun: true });
    const forced = await service.restoreBackup(id, { dryRun: true, force: true, collections: ['orders'] });
    const free = await service.restoreBackup(id, { dryRun: true, to: nowhere.databaseName });

    expect(refused).toMatchObject({ dryRun: true, refusal: { code: 'TARGET_NOT_EMPTY' } });
    expect(forced).toMatchObject({
      dryRun: true,
      documents: 500,
      namespaces: [{ from: `${db.databaseName}.orders`, to: `${db.databaseName}.orders`, replaced: true }],
    });
    expect(forced.refusal).toBeUndefined();
    expect(free).toMatchObject({ documents: 2_500 });
    expect(free.namespaces.every(({ replaced }) => !replaced)).toBe(true);
    expect(await contentOf(db)).toEqual(before);
    expect(await contentOf(nowhere)).toEqual({});
  });

  it('puts back documents that have expired, or lets the server delete them', async () => {
    const { db, service } = await ground();
    await db.collection('carts').insertMany(Array.from({ length: 100 }, () => ({ at: new Date(0) })));
    await db.collection('carts').createIndex({ at: 1 }, { expireAfterSeconds: 1 });
    const { id, documents = 0 } = await service.createBackup();
    await db.dropDatabase();

    const report = await service.restoreBackup(id);

    expect(report.documents).toBe(documents);
    expect((await db.collection('carts').indexes()).map(({ name }) => name)).toContain('at_1');
  });

  it('waits for a backup that runs, so that neither sees the other half done', async () => {
    const { db, service } = await ground();
    await plantShop(db);
    const before = await contentOf(db);
    const { id } = await service.createBackup();

    const [, made] = await Promise.all([service.restoreBackup(id, { force: true }), service.createBackup()]);

    expect(await contentOf(db)).toEqual(before);
    expect(made.namespaces?.map(({ collection }) => collection).toSorted()).toEqual(['orders', 'products']);
  });
});

describeWith(['mongod', 'tools', 'mongo'], 'a backup of a whole instance', () => {
  it('is restored without the databases of the server itself, whole, in part, or one to another name', async () => {
    const server = await startOwnMongo();
    finally_(() => server.stop());
    const { service, database } = await ground({ uri: server.url });
    const [shop, blog] = [database('shop'), database('blog')];
    await plantShop(shop);
    await blog.collection('posts').insertOne({ title: 'roses' });
    const before = await both(shop, blog);

    const { id, database: of, namespaces = [] } = await service.createBackup();
    expect(of).toBe('*');
    expect(new Set(namespaces.map(({ database }) => database))).toContain('admin');

    await blog.dropDatabase();
    expect(await failureOf(service.restoreBackup(id))).toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    await shop.dropDatabase();
    const report = await service.restoreBackup(id);
    expect(await both(shop, blog)).toEqual(before);
    expect(report.skipped.map(({ namespace }) => namespace)).toContain('admin.system.version');

    await blog.dropDatabase();
    await service.restoreBackup(id, { collections: ['blog.posts'] });
    expect(await both(shop, blog)).toEqual(before);

    await service.restoreBackup(id, { collections: ['blog.posts'], to: 'blog2' });
    expect(await contentOf(database('blog2'))).toEqual(before[1]);
    expect(await failureOf(service.restoreBackup(id, { to: 'blog3' }))).toMatchObject({
      code: 'RESTORE_REFUSED',
    });
    expect(
      await failureOf(service.restoreBackup(id, { collections: ['admin.system.version'] })),
    ).toMatchObject({
      code: 'RESTORE_REFUSED',
    });
    expect(await failureOf(service.createBackup({ collections: ['posts'] }))).toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});

async function both(...databases: Db[]): Promise<unknown[]> {
  return Promise.all(databases.map((db) => contentOf(db)));
}

async function flip(path: string, where: number | string): Promise<void> {
  const bytes = await readFile(path);
  const at = typeof where === 'string' ? bytes.indexOf(where) : (where + bytes.length) % bytes.length;
  bytes[at]! ^= 4;
  await writeFile(path, bytes);
}
