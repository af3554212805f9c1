import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { BackupError } from '../../../src/backup/backup.errors.js';
import type { BackupService } from '../../../src/backup/backup.service.js';
import type { BackupDraft } from '../../../src/backup/storage/backup-storage.js';
import { DiskStorage } from '../../../src/backup/storage/disk.storage.js';
import type { Clock } from '../../../src/coordination/clock.js';
import { describeWith, tools } from '../../servers/index.js';
import { script } from './compiled.js';
import { contentOf, failureOf, folder, ground, plantShop } from './ground.js';
import { ownBucket } from './own-bucket.js';

type Step = 'begin' | 'write' | 'commit' | 'list' | 'open' | 'delete';

/** A folder, and what goes wrong with it: nothing, until it is said. */
class FailingStorage extends DiskStorage {
  readonly fails = new Set<Step>();

  override async begin(id: string): Promise<BackupDraft> {
    this.check('begin');
    const draft = await super.begin(id);
    const write = draft.write.bind(draft);
    const commit = draft.commit.bind(draft);
    draft.write = async (name, content) => {
      if (!this.fails.has('write')) return write(name, content);
      const first = (await content[Symbol.asyncIterator]().next()) as { value: Buffer };
      await write(name, Readable.from([first.value.subarray(0, 100)]));
      throw this.failure('write');
    };
    draft.commit = async (manifest) => {
      this.check('commit');
      return commit(manifest);
    };
    return draft;
  }

  override async list(): Promise<readonly string[]> {
    this.check('list');
    return super.list();
  }

  override async open(id: string) {
    this.check('open');
    return super.open(id);
  }

  override async delete(id: string): Promise<void> {
    this.check('delete');
    return super.delete(id);
  }

  private check(step: Step): void {
    if (this.fails.has(step)) throw this.failure(step);
  }

  private failure(step: Step): BackupError {
    return new BackupError('STORAGE_UNUSABLE', { problem: `The test lets ${step} fail` });
  }
}

async function failingStorage(): Promise<FailingStorage> {
  return new FailingStorage(join(await folder(), 'copies'));
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 4;
  await writeFile(path, bytes);
}

const ids = async (service: BackupService): Promise<string[]> =>
  (await service.listBackups()).map(({ id }) => id);

describeWith(['mongo', 'tools', 'moto'], 'copies of backups', () => {
  it('are the stored bytes, in a folder and in a bucket, each listed once, verified, and removed together', async () => {
    const { s3, stop } = await ownBucket();
    const disk = join(await folder(), 'second');
    const { db, service, files, directory, another } = await ground({
      storage: ['disk', { disk }, { s3 }],
      encryption: { keys: [{ id: 'a', key: randomBytes(32) }] },
      compression: { codec: 'gzip' },
    });
    await plantShop(db);
    const before = await contentOf(db);

    const backup = await service.createBackup();

    const { id } = backup;
    const places = [directory, disk, `s3://${s3.bucket}/backups`].map((place) => `${place}/${id}`);
    expect(backup).toMatchObject({ status: 'good', location: places[0] });
    expect(backup.copies).toEqual(places.map((location) => ({ location, status: 'good' })));
    expect(await service.listBackups()).toEqual([backup]);
    for (const name of ['manifest.json', 'archive.gz.enc'])
      expect(await readFile(join(disk, id, name))).toEqual(await readFile(join(directory, id, name)));
    expect(await service.verifyBackup(id)).toMatchObject({ good: true, copies: backup.copies });

    // Only the bucket is left of it.
    await rm(directory, { recursive: true });
    await rm(disk, { recursive: true });
    const [left] = await service.listBackups();
    expect(left).toMatchObject({ id, status: 'good', location: places[2] });
    expect(left!.copies!.map(({ status }) => status)).toEqual(['missing', 'missing', 'good']);
    expect(await service.verifyBackup(id)).toMatchObject({ good: true, documents: 2_500 });
    await db.dropDatabase();
    expect(await service.restoreBackup('latest')).toMatchObject({ id, documents: 2_500 });
    expect(await contentOf(db)).toEqual(before);

    // The keys are not needed to copy it.
    const keyless = await another({ encryption: false });
    expect((await keyless.copyBackups()).copied).toEqual([]);
    expect((await keyless.copyBackups({ id })).copied).toEqual(
      places.slice(0, 2).map((location) => ({ id, location })),
    );
    expect((await service.getBackup(id)).copies).toEqual(backup.copies);

    await service.deleteBackup(id);
    expect(await service.listBackups()).toEqual([]);
    expect([await files(), await readdir(disk)]).toEqual([[], []]);
    await stop();
    const alone = await service.createBackup();
    expect(alone.copies!.map(({ status }) => status)).toEqual(['good', 'good', 'missing']);
    expect((await service.getBackup(alone.id)).copies![2]).toMatchObject({ status: 'unknown' });
    expect(JSON.stringify(alone)).not.toContain(s3.credentials.secretAccessKey);
  });
});

describeWith(['mongo', 'tools'], 'copies of backups', () => {
  it.each<[Step]>([['begin'], ['write'], ['commit']])(
    'that fail to %s cost no backup, are told, leave nothing, and are made up for by the next one',
    async (step) => {
      const second = await failingStorage();
      const { db, service } = await ground({ storage: ['disk', second] });
      await plantShop(db);
      second.fails.add(step);

      const first = await service.createBackup();

      expect(first).toMatchObject({ status: 'good', copies: [{ status: 'good' }, { status: 'missing' }] });
      expect(first.copies![1]!.problem).toContain(`The test lets ${step} fail`);
      expect(await readdir(second.location).catch(() => [])).toEqual([]);
      expect(await service.copyBackups()).toMatchObject({
        copied: [],
        failed: [{ id: first.id, location: `${second.location}/${first.id}` }],
      });

      second.fails.clear();
      const next = await service.createBackup();

      expect(
        (await service.listBackups()).map(({ id, copies }) => [id, copies!.map((c) => c.status)]),
      ).toEqual([
        [next.id, ['good', 'good']],
        [first.id, ['good', 'good']],
      ]);
      expect(await service.copyBackups()).toEqual({ copied: [], failed: [] });
      expect(await service.verifyBackup(first.id)).toMatchObject({ good: true });
    },
  );

  it('stand in for one that the primary has damaged, by its size or by a bit', async () => {
    const second = join(await folder(), 'second');
    const { db, service, directory, another } = await ground({
      storage: ['disk', { disk: second }],
      compression: { codec: 'none' },
    });
    await plantShop(db);
    const before = await contentOf(db);
    const { id } = await service.createBackup();

    await flip(join(directory, id, 'archive'));
    expect(await service.verifyBackup(id, { level: 'hash' })).toMatchObject({
      good: false,
      copies: [{ status: 'damaged' }, { status: 'good' }],
    });
    await db.dropDatabase();
    expect((await service.restoreBackup(id, { dryRun: true })).refusal).toBeUndefined();
    await service.restoreBackup(id);
    expect(await contentOf(db)).toEqual(before);

    // A copy of what is damaged would be one more that is.
    await rm(join(second, id), { recursive: true });
    const failed = await service.copyBackups();
    expect(failed).toMatchObject({ copied: [], failed: [{ id }] });
    expect(await readdir(second)).toEqual([]);
    expect(await failureOf(service.restoreBackup(id, { force: true }))).toMatchObject({
      code: 'BACKUP_DAMAGED',
    });
    expect(await contentOf(db)).toEqual(before);

    const sound = await service.createBackup();
    await truncate(join(directory, sound.id, 'archive'), 10);
    expect(await service.getBackup(sound.id)).toMatchObject({
      status: 'good',
      location: join(second, sound.id),
      copies: [{ status: 'damaged' }, { status: 'good' }],
    });
    const alone = await another({ storage: 'disk' });
    expect(await alone.getBackup(sound.id)).toMatchObject({ status: 'damaged' });
    expect((await service.copyBackups({ id: sound.id })).copied).toEqual([
      { id: sound.id, location: join(directory, sound.id) },
    ]);
    expect(await alone.verifyBackup(sound.id)).toMatchObject({ good: true });
  });

  it('that are damaged are replaced, once the one they are made from is proved', async () => {
    const second = join(await folder(), 'second');
    const { db, service, directory } = await ground({ storage: ['disk', { disk: second }] });
    await plantShop(db);
    const { id, copies } = await service.createBackup();
    const [name] = (await readdir(join(second, id))).filter((file) => file.startsWith('archive'));

    await truncate(join(second, id, name!), 10);
    await flip(join(directory, id, name!));
    expect(await service.copyBackups()).toMatchObject({ copied: [], failed: [{ id }] });
    expect((await readFile(join(second, id, name!))).length).toBe(10);

    await flip(join(directory, id, name!));
    expect((await service.copyBackups()).failed).toEqual([]);
    expect(await service.verifyBackup(id)).toMatchObject({ good: true, copies });
  });

  it('are told apart where a storage can not be asked, and all storages must fail for an error', async () => {
    const [first, second] = [await failingStorage(), await failingStorage()];
    const { db, service } = await ground({ storage: [first, second] });
    await plantShop(db);
    const { id } = await service.createBackup();

    for (const step of ['list', 'open'] as const) first.fails.add(step);
    expect(await service.listBackups()).toMatchObject([
      { id, status: 'good', copies: [{ status: 'unknown' }, { status: 'good' }] },
    ]);
    expect(await service.getBackup(id)).toMatchObject({
      status: 'good',
      location: `${second.location}/${id}`,
    });
    await db.dropDatabase();
    expect(await service.restoreBackup('latest')).toMatchObject({ id });
    expect(await failureOf(service.deleteBackup(id))).toMatchObject({ code: 'STORAGE_UNUSABLE' });
    expect(await second.list()).toEqual([]);

    for (const step of ['list', 'open'] as const) second.fails.add(step);
    expect(await failureOf(service.listBackups())).toMatchObject({ code: 'STORAGE_UNUSABLE' });
    expect(await failureOf(service.getBackup(id))).toMatchObject({ code: 'STORAGE_UNUSABLE' });
    expect(await failureOf(service.restoreBackup(id))).toMatchObject({ code: 'STORAGE_UNUSABLE' });
  });

  it('are removed by retention with the backup, except the newest that a storage has while copies fail', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const clock: Clock = { now: () => now };
    const second = await failingStorage();
    const { db, service } = await ground({ storage: ['disk', second], clock });
    await plantShop(db);
    const made: string[] = [];
    for (let day = 0; day < 5; day++, now += 86_400_000) {
      if (day === 3) second.fails.add('begin');
      made.push((await service.createBackup()).id);
    }

    const policy = { keepLast: 1 };
    expect(await service.cleanupBackups(policy, { dryRun: true })).toMatchObject({
      removed: [made[0], made[1], made[3]],
      kept: [made[2], made[4]],
      failed: [],
    });
    second.fails.add('delete');
    expect(await service.cleanupBackups(policy)).toMatchObject({
      removed: [made[3]],
      failed: [{ id: made[0] }, { id: made[1] }],
    });
    expect(await ids(service)).toEqual([4, 2, 1, 0].map((day) => made[day]));
    second.fails.clear();
    second.fails.add('list');
    // Nothing is decided for a storage that can't be asked, nor brought back from it.
    await service.cleanupBackups(policy);
    second.fails.clear();
    expect((await second.list()).toSorted()).toEqual(made.slice(0, 3));

    await service.copyBackups();
    expect(await service.cleanupBackups(policy)).toMatchObject({ failed: [] });
    expect(await ids(service)).toEqual([made[4]]);
    expect(await second.list()).toEqual([made[4]]);
  });

  it('are stopped by the signal of the call, which the backup survives', async () => {
    const second = await failingStorage();
    const { db, service } = await ground({ storage: ['disk', second] });
    await plantShop(db);
    const stop = new AbortController();
    const begin = second.begin.bind(second);
    second.begin = async (id) => {
      const draft = await begin(id);
      draft.write = async () => {
        stop.abort();
        await new Promise(() => {}); // a storage that answers nobody
      };
      return draft;
    };

    const backup = await service.createBackup({ signal: stop.signal });

    expect(backup.copies!.map(({ status }) => status)).toEqual(['good', 'missing']);
    expect(await readdir(second.location)).toEqual([]);
    second.begin = begin;
    expect((await service.copyBackups()).copied).toHaveLength(1);
  });

  it('that a killed process was making are never seen, and gone with the next', async () => {
    const second = join(await folder(), 'second');
    const place = await ground({ storage: ['disk', { disk: second }] });
    await plantShop(place.db);
    const { uri, directory, service } = place;
    const {
      process: child,
      written,
      ended,
    } = await script(
      `import { DiskStorage } from './backup/storage/disk.storage.js';
       class Slow extends DiskStorage {
         async begin(id) {
           const draft = await super.begin(id);
           const write = draft.write.bind(draft);
           draft.write = (name, content) => write(name, (async function* () {
             for await (const chunk of content) {
               yield chunk.subarray(0, 100);
               console.log('copying');
               await new Promise(() => setInterval(() => {}, 1_000));
             }
           })());
           return draft;
         }
       }
       const { second, ...rest } = options;
       const service = await createBackupService({ ...rest, storage: ['disk', new Slow(second)] });
       await service.createBackup();`,
      { uri, directory, second, tools: { directory: tools() } },
    );
    await written('copying');
    child.kill('SIGKILL');
    await ended;

    expect(await readdir(second)).toHaveLength(1);
    expect((await service.listBackups()).map(({ copies }) => copies!.map(({ status }) => status))).toEqual([
      ['good', 'missing'],
    ]);
    // With the next start.
    await place.another();
    expect(await readdir(second)).toEqual([]);
    await service.copyBackups();
    expect(await readdir(second)).toEqual(await ids(service));
  });

  it('for which there is no room are not begun', async () => {
    const second = await failingStorage();
    second.freeBytes = async () => 100;
    const { db, service } = await ground({ storage: ['disk', second] });
    await plantShop(db);

    const { copies } = await service.createBackup();

    expect(copies).toMatchObject([{ status: 'good' }, { status: 'missing' }]);
    expect(copies![1]!.problem).toContain('100 bytes are free');
    expect(await readdir(second.location).catch(() => [])).toEqual([]);
  });

  it('made by two processes at once are whole, and there once', async () => {
    const second = join(await folder(), 'second');
    const { db, another } = await ground({ storage: ['disk', { disk: second }] });
    await plantShop(db);
    const services = [await another(), await another(), await another()];
    const primary = await another({ storage: 'disk' });
    const backups = [await primary.createBackup(), await primary.createBackup()];
    await Promise.all(services.map((service) => service.copyBackups()));
    expect((await readdir(second)).toSorted()).toEqual(backups.map(({ id }) => id).toSorted());
    for (const { id } of backups)
      expect(await services[0]!.verifyBackup(id)).toMatchObject({
        good: true,
        copies: [{ status: 'good' }, { status: 'good' }],
      });
  });
});
