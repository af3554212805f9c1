import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, redis, tools } from '../../servers/index.js';
import { compiled, script } from './compiled.js';
import { failureOf, finally_, folder, ground, plantShop } from './ground.js';
import { until } from './processes.js';

const SCHEDULE = `import 'reflect-metadata';
import { createBackupService } from './backup/create-backup-service.js';
const service = await createBackupService(JSON.parse(process.argv[2]));
service.scheduleBackups('*/2 * * * * *').start();
process.stdout.write('started');
process.on('SIGTERM', () => service.close().then(() => process.exit()));
`;

describeWith(['mongo', 'redis', 'tools'], 'several processes on one schedule', () => {
  it.each([
    ['five, with locks in MongoDB', 5, () => 'mongo' as const],
    ['two, with locks in Redis', 2, () => ({ redis: redis().url })],
  ])('make one backup per tick: %s', async (_, count, lock) => {
    const { db, service, uri, directory } = await ground();
    await plantShop(db);
    const cwd = await compiled();
    await writeFile(join(cwd, 'schedule.mjs'), SCHEDULE);
    const given = JSON.stringify({ uri, directory, tools: { directory: tools() }, lock: lock() });
    const begun = Date.now();
    const children = Array.from({ length: count }, () =>
      spawn('node', ['schedule.mjs', given], { cwd, stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    finally_(async () => void children.map((child) => child.kill('SIGKILL')));
    let started = 0;
    let output = '';
    for (const { stdout } of children)
      stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        started = output.split('started').length - 1;
      });
    await until(() => started === count);
    const made = async () => (await service.listBackups({ status: 'good' })).length;
    const before = await made();
    await until(async () => (await made()) >= before + 3);

    for (const child of children) child.kill('SIGTERM');
    await Promise.all(children.map((child) => new Promise((ended) => child.on('close', ended))));

    const ticks = Math.floor(Date.now() / 2_000) - Math.floor(begun / 2_000);
    expect(await made()).toBeLessThanOrEqual(ticks);
    expect(output).toContain("another process's");
  });
});

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
