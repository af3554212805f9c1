import { cp, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BackupService } from '../../../src/backup/backup.service.js';
import type { Clock } from '../../../src/coordination/clock.js';
import { describeWith } from '../../servers/index.js';
import { failureOf, ground, plantShop } from './ground.js';
import { rewrite } from './tampering.js';

const DAY = 86_400_000;

describeWith(['mongo', 'tools'], 'the list of backups', () => {
  it('is newest first and can be asked for a status, a database, a label', async () => {
    const { db, service, database } = await ground();
    await plantShop(db);
    const other = database();
    await other.collection('posts').insertOne({});
    const first = await service.createBackup({ label: 'a' });
    const second = await service.createBackup({ database: other.databaseName });
    const third = await service.createBackup({ label: 'a', collections: ['orders'] });
    const ids = async (filter?: Parameters<BackupService['listBackups']>[0]) =>
      (await service.listBackups(filter)).map(({ id }) => id);

    expect(await ids()).toEqual([third.id, second.id, first.id]);
    expect(await ids({ label: 'a' })).toEqual([third.id, first.id]);
    expect(await ids({ database: other.databaseName })).toEqual([second.id]);
    expect(await ids({ status: 'damaged' })).toEqual([]);
    for (const wrong of [
      { state: 'good' },
      { status: 'god' },
      { database: 5 },
      { database: 'a b' },
      { label: {} },
    ])
      expect(await failureOf(service.listBackups(wrong as object))).toMatchObject({
        code: 'INVALID_OPTIONS',
      });
    expect(
      await failureOf(service.cleanupBackups({ keepLast: 1 }, { dryRun: 'false' } as object)),
    ).toMatchObject({ code: 'INVALID_OPTIONS' });
    expect(await ids()).toHaveLength(3);
  });

  it('has as latest the newest that is not of the future, where a clock was wrong for a while', async () => {
    let now = Date.now();
    const { db, service } = await ground({ clock: { now: () => now } });
    await plantShop(db);
    now += 365 * DAY;
    const wrong = await service.createBackup();
    now -= 365 * DAY;
    const latest = async (): Promise<string> =>
      (await service.restoreBackup('latest', { dryRun: true, force: true })).id;
    expect(await latest()).toBe(wrong.id);
    now += DAY;
    const right = await service.createBackup();
    expect(right.id < wrong.id).toBe(true);
    expect(await latest()).toBe(right.id);
    expect((await service.checkHealth()).backup).toMatchObject({ status: 'up', lastGood: { id: right.id } });
  });

  it('tells damaged and foreign things apart from good ones, throws nothing, and touches none of them', async () => {
    const { db, service, directory } = await ground({ compression: { codec: 'none' } });
    await plantShop(db);
    const { id: good } = await service.createBackup();
    const make = async (): Promise<[string, string]> => {
      const { id } = await service.createBackup();
      return [id, join(directory, id)];
    };
    const [cut, cutPath] = await make();
    await truncate(join(cutPath, 'archive'), 10);
    const [headless, headlessPath] = await make();
    await rm(join(headlessPath, 'archive'));
    const [scribbled, scribbledPath] = await make();
    await writeFile(join(scribbledPath, 'manifest.json'), ' ', { flag: 'r+' });
    const [nothing, nothingPath] = await make();
    await rm(join(nothingPath, 'manifest.json'));
    await cp(join(directory, good), join(directory, 'copy'), { recursive: true });
    await symlink(good, join(directory, 'link'));
    await mkdir(join(directory, 'photos'));
    await mkdir(join(directory, 'strange name!'));
    await mkdir(join(directory, 'app'));
    await writeFile(join(directory, 'app', 'manifest.json'), '{"name":"an app"}');
    await mkdir(join(directory, 'page'));
    await writeFile(join(directory, 'page', 'manifest.json'), '<html>');
    const [newer, newerPath] = await make();
    await rewrite(newerPath, (manifest) => ({ ...manifest, format: 2 as 1 }));
    await mkdir(join(directory, 'deep', 'manifest.json'), { recursive: true });
    await writeFile(join(directory, 'notes.txt'), 'mine');
    await writeFile(join(directory, '.hidden'), 'mine');
    const before = await readdir(directory, { recursive: true });

    const found = Object.fromEntries((await service.listBackups()).map(({ id, status }) => [id, status]));

    expect(found).toEqual({
      [good]: 'good',
      [cut]: 'damaged',
      [headless]: 'damaged',
      [scribbled]: 'damaged',
      [nothing]: 'foreign',
      copy: 'foreign',
      link: 'foreign',
      photos: 'foreign',
      'strange name!': 'foreign',
      app: 'foreign',
      page: 'foreign',
      [newer]: 'foreign',
      deep: 'foreign',
      'notes.txt': 'foreign',
    });
    for (const backup of await service.listBackups())
      expect(backup.problem === undefined).toBe(backup.status === 'good');
    expect((await service.restoreBackup('latest', { dryRun: true })).id).toBe(good);
    for (const id of [nothing, newer, 'copy', 'link', 'photos', 'app', 'page', 'deep', 'notes.txt']) {
      expect((await service.getBackup(id)).status).toBe('foreign');
      expect((await failureOf(service.restoreBackup(id, { force: true }))).code).toMatch(
        /NOT_FOUND|DAMAGED|UNSUPPORTED/,
      );
      expect(await failureOf(service.deleteBackup(id))).toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    }
    expect((await readdir(directory, { recursive: true })).toSorted()).toEqual(before.toSorted());

    expect(await failureOf(service.restoreBackup(newer))).toMatchObject({ code: 'BACKUP_UNSUPPORTED' });
    await service.deleteBackup(cut);
    await service.deleteBackup(headless);
    expect(await readdir(directory)).toHaveLength(13);
    expect((await service.listBackups({ status: 'good' })).map(({ id }) => id)).toEqual([good]);
  });

  it('has both of what two processes make of one database at the same time', async () => {
    const { db, service, another } = await ground();
    await plantShop(db);
    const services = [service, await another(), await another()];
    const made = await Promise.all(services.map((each) => each.createBackup()));
    expect(new Set(made.map(({ id }) => id)).size).toBe(3);
    for (const { id } of made)
      expect(await service.verifyBackup(id)).toMatchObject({ good: true, documents: 2_500 });
    expect(await service.listBackups({ status: 'good' })).toHaveLength(3);
  });

  it('never shows a backup that is being deleted as damaged or foreign', async () => {
    const { db, service, another } = await ground();
    await db.collection('orders').insertOne({});
    const other = await another();
    for (let round = 0; round < 12; round++) {
      const { id } = await service.createBackup();
      const deleted = other.deleteBackup(id);
      for (let look = 0; look < 8; look++)
        expect((await service.listBackups()).filter(({ status }) => status !== 'good')).toEqual([]);
      await deleted;
    }
  });

  it.each(['../../etc/passwd', '..', '/etc/passwd', '%2e%2e', '-rf', 'a\0b', 'a'.repeat(5_000), '', 'nul\n'])(
    'is not left by the id %j',
    async (id) => {
      const { service } = await ground();
      for (const method of ['getBackup', 'verifyBackup', 'deleteBackup'] as const)
        expect(await failureOf(service[method](id))).toMatchObject({ code: 'INVALID_BACKUP_ID' });
      const restored = await failureOf(service.restoreBackup(id));
      expect(restored.code).toMatch(/^(INVALID_BACKUP_ID|BACKUP_NOT_FOUND)$/);
    },
  );

  it('does not have what was never made', async () => {
    const { service } = await ground();
    expect(await service.listBackups()).toEqual([]);
    for (const method of ['getBackup', 'verifyBackup', 'deleteBackup', 'restoreBackup'] as const)
      expect(await failureOf(service[method]('none'))).toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    expect(await failureOf(service.restoreBackup('latest'))).toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    for (const level of ['hash', 'archive', 'restore'] as const)
      expect(await failureOf(service.verifyBackup('none', { level }))).toMatchObject({
        code: 'BACKUP_NOT_FOUND',
      });
    expect(await failureOf(service.verifyBackup('none', { level: 'deep' as 'hash' }))).toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});

describeWith(['mongo', 'tools'], 'cleaning up', () => {
  it('removes good backups by their recorded time, never the last, never what is damaged or foreign', async () => {
    let now = Date.parse('2026-03-01T00:00:00Z');
    const clock: Clock = { now: () => now };
    const { db, service, directory, files } = await ground({ clock, retention: { days: 7 } });
    await db.collection('orders').insertOne({});
    const ids: string[] = [];
    for (let day = 0; day < 5; day++, now += DAY) ids.push((await service.createBackup()).id);
    const damaged = join(directory, ids[4]!);
    await truncate(join(damaged, archiveOf(await readdir(damaged))), 1);
    await writeFile(join(directory, 'notes.txt'), 'mine');
    now = Date.parse('2026-03-10T00:00:01Z');

    const plan = await service.cleanupBackups(undefined, { dryRun: true });
    expect(plan).toMatchObject({ dryRun: true, removed: [ids[0], ids[1], ids[2]], kept: [ids[3]] });
    expect(plan.ignored.toSorted()).toEqual([ids[4], 'notes.txt']);
    expect(plan.freedBytes).toBeGreaterThan(0);
    expect(await files()).toHaveLength(6);

    const done = await service.cleanupBackups();
    expect(done).toEqual({ ...plan, dryRun: false });
    expect((await files()).toSorted()).toEqual([ids[3], ids[4], 'notes.txt']);

    now += 10_000 * DAY;
    expect((await service.cleanupBackups()).kept).toEqual([ids[3]]);
    expect((await service.cleanupBackups({ keepLast: 1 })).removed).toEqual([]);
    expect(await readFile(join(directory, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('may run in several processes at once, beside deletes and new backups: each backup goes once', async () => {
    const { db, service, another, files } = await ground();
    await db.collection('orders').insertOne({});
    const other = await another();
    const policy = { keepLast: 1 };
    for (let round = 0; round < 5; round++) {
      const old = await service.createBackup();
      const older = await service.createBackup();
      const last = await service.createBackup();

      const deletes = Promise.allSettled(
        [service, other, service].map((one) => one.deleteBackup(older.id).catch((error: unknown) => error)),
      );
      const cleanups = await Promise.all([service, other, service].map((one) => one.cleanupBackups(policy)));
      const made = await other.createBackup();

      const failures = (await deletes).flatMap((one) => (one.status === 'fulfilled' && one.value) || []);
      for (const failure of failures) expect(failure).toMatchObject({ code: 'BACKUP_NOT_FOUND' });
      const removed = cleanups.flatMap(({ removed }) => removed);
      expect(new Set(removed).size).toBe(removed.length);
      expect(removed).toContain(old.id);
      expect((await files()).toSorted()).toEqual([last.id, made.id]);
      await service.deleteBackup(last.id);
      await service.deleteBackup(made.id);
    }
  });

  it('does not take a backup of some collections for one of all, nor one of another database', async () => {
    const { db, service, database } = await ground();
    await plantShop(db);
    const other = database();
    await other.collection('posts').insertOne({});
    const whole = await service.createBackup();
    const part = await service.createBackup({ collections: ['orders'] });
    const elsewhere = await service.createBackup({ database: other.databaseName });

    expect((await service.cleanupBackups({ keepLast: 1 })).kept).toEqual([whole.id, part.id, elsewhere.id]);
  });

  it.each([{ days: 0 }, { days: -1 }, { days: Number.NaN }, { keepLast: 0 }, {}, { dayz: 3 }])(
    'refuses the policy %j and removes nothing',
    async (policy) => {
      const { db, service } = await ground();
      await db.collection('orders').insertOne({});
      await service.createBackup();
      expect(await failureOf(service.cleanupBackups(policy))).toMatchObject({ code: 'INVALID_RETENTION' });
      expect(await service.listBackups()).toHaveLength(1);
    },
  );
});

function archiveOf(names: string[]): string {
  return names.find((name) => name.startsWith('archive'))!;
}
