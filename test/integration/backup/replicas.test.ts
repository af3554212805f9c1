import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, tools } from '../../servers/index.js';
import { script } from './compiled.js';
import { failureOf, finally_, folder, ground, plantShop } from './ground.js';
import { until } from './processes.js';

describeWith(['mongo', 'tools'], 'a process that is frozen in a scheduled backup', () => {
  it('loses the lock to the next one, and leaves nothing when it wakes up', async () => {
    const { db, service, uri, directory } = await ground();
    await plantShop(db);
    const freezing = join(await folder(), 'mongodump');
    const real = join(tools(), 'mongodump');
    await writeFile(freezing, `#!/bin/sh\n[ "$1" = --version ] || kill -STOP $PPID\nexec ${real} "$@"\n`, {
      mode: 0o755,
    });
    const frozen = await script(
      `import { MongoLock } from './coordination/mongo.lock.js';
       class ShortLock extends MongoLock {
         acquire = (name, holder, ttl, turn) => super.acquire(name, holder, 1000, turn);
       }
       const lock = new ShortLock({ uri: options.uri, collection: 'flora_backup.locks' });
       const service = await createBackupService({ ...options, lock });
       console.log('begins');
       await service.scheduleBackups('0 0 * * *').runNow().catch(({ code }) => console.log('failed with', code));
       await service.close();`,
      { uri, directory, tools: { directory: tools(), mongodump: freezing } },
    );
    finally_(async () => void frozen.process.kill('SIGKILL'));
    await frozen.written('begins');
    const schedule = service.scheduleBackups('0 0 * * *');
    let refused: string | undefined;
    let id: string | undefined;
    await until(() =>
      db
        .collection('flora_backup.locks')
        .countDocuments({ holder: { $exists: true } })
        .then(Boolean),
    );
    await until(async () => {
      const made = await schedule.runNow().catch(({ code }: { code: string }) => void (refused = code));
      return (id = made?.id) !== undefined;
    });

    frozen.process.kill('SIGCONT');

    expect(await frozen.ended).toContain('failed with LOCK_LOST');
    expect(refused).toBe('LOCKED');
    expect((await service.listBackups()).map((backup) => backup.id)).toEqual([id]);
  });
});

describeWith(['mongo', 'tools'], 'two restores into one database', () => {
  it('of two processes: one refuses at once, and touches nothing', async () => {
    const { db, service, another, database } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    const other = await another();
    const to = database().databaseName;
    let second: Promise<Error & { code: string }> | undefined;

    const report = await service.restoreBackup(id, {
      to,
      onProgress: ({ phase }) =>
        void (phase === 'load' && (second ??= failureOf(other.restoreBackup(id, { to })))),
    });

    expect(await second).toMatchObject({ code: 'LOCKED', message: expect.stringContaining(to) });
    expect(report.documents).toBe(2_500);
    expect(await other.restoreBackup(id, { to, force: true })).toMatchObject({ documents: 2_500 });
  });
});
