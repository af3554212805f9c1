import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backup } from '../../src/backup/backup.js';
import type { BackupModuleOptions } from '../../src/backup/backup.options.js';
import type { ScheduleOptions } from '../../src/backup/backup.scheduler.js';
import { compiled } from '../integration/backup/compiled.js';
import { finally_, folder, type Ground, ground, plantShop } from '../integration/backup/ground.js';
import { until } from '../integration/backup/processes.js';
import { describeWith, redis, tools } from '../servers/index.js';
import { effort } from './effort.js';
import { Lots } from './load.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TICKS_FOR = effort.isFull ? MINUTE : 8 * SECOND;
const LEAPS = effort.isFull ? 50 : 3;

/** An application whose clock is ahead of the host's by as much as a file says. It looks at its clock each second. */
const REPLICA = `import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { createBackupService } from './backup/create-backup-service.js';
const { clock, cron, schedule, ...options } = JSON.parse(process.argv[2]);
const { now } = Date;
const every = setInterval;
let ahead = 0;
const read = () => { ahead = Number(readFileSync(clock, 'utf8')); };
read();
every(read, 20);
globalThis.setInterval = (run, ms) => every(run, Math.min(ms, 1_000));
globalThis.Date = new Proxy(Date, {
  get: (date, key) => (key === 'now' ? () => now() + ahead : Reflect.get(date, key)),
  construct: (date, args) => Reflect.construct(date, args.length > 0 ? args : [now() + ahead]),
});
const service = await createBackupService(options);
service.scheduleBackups(cron, schedule).start();
process.on('SIGTERM', () => service.close().then(() => process.exit()));
console.log('started');
`;

let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'flora-replica-'));
  await compiled(cwd);
  await writeFile(join(cwd, 'replica.mjs'), REPLICA);
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

interface Replica {
  readonly process: ChildProcess;
  /** All it has written so far. */
  readonly said: () => string;
  /** Sets its clock, ahead of the host's (or behind it) by so many milliseconds. */
  readonly set: (ahead: number) => Promise<void>;
}

interface Terms {
  readonly cron: string;
  readonly schedule?: ScheduleOptions;
  /** By how much their clocks are ahead at first. */
  readonly ahead?: number;
  readonly lock?: BackupModuleOptions['lock'];
  readonly mongodump?: string;
}

/** Applications on one schedule, all started. */
async function replicas(place: Ground, count: number, terms: Terms): Promise<Replica[]> {
  const { cron, schedule = {}, ahead = 0, lock = 'mongo', mongodump } = terms;
  const { uri, directory } = place;
  const clocks = await folder();
  const all = await Promise.all(
    Array.from({ length: count }, async (_, index): Promise<Replica> => {
      const clock = join(clocks, String(index));
      const set = async (to: number): Promise<void> => {
        await writeFile(`${clock}.new`, String(to));
        await rename(`${clock}.new`, clock);
        await sleep(100);
      };
      await set(ahead);
      const given = { uri, directory, tools: { directory: tools(), mongodump }, lock, clock, cron, schedule };
      const child = spawn('node', ['replica.mjs', JSON.stringify(given)], { cwd, stdio: 'pipe' });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
      finally_(async () => void child.kill('SIGKILL'));
      return { process: child, said: () => said, set };
    }),
  );
  await until(() => {
    const ended = all.find(({ process }) => process.exitCode !== null);
    if (ended) throw new Error(`It ended: ${ended.said()}`);
    return all.every(({ said }) => said().includes('started'));
  });
  return all;
}

async function stop(all: readonly Replica[]): Promise<void> {
  const ends = all.map(({ process }) => once(process, 'close'));
  for (const { process } of all) process.kill('SIGTERM');
  await Promise.all(ends);
}

/** Oldest first; nothing else lies there, and every byte of them is right. */
async function onlyGood({ service, files }: Ground): Promise<Backup[]> {
  const listed = await service.listBackups();
  expect(listed.map(({ status }) => status)).toEqual(listed.map(() => 'good'));
  expect(await files()).toHaveLength(listed.length);
  for (const { id } of listed) expect(await service.verifyBackup(id)).toMatchObject({ good: true });
  return listed.toReversed();
}

async function countOf({ service }: Ground): Promise<number> {
  return (await service.listBackups({ status: 'good' })).length;
}

async function shop(): Promise<Ground> {
  const place = await ground({ retention: false });
  await plantShop(place.db);
  return place;
}

describeWith(['mongo', 'redis', 'tools'], 'several processes on one schedule', () => {
  it.each([
    ['five, with locks in MongoDB', 5, () => 'mongo' as const],
    ['two, with locks in Redis', 2, () => ({ redis: redis().url })],
  ])(
    'make one backup per tick: %s',
    async (name, count, lock) => {
      const place = await shop();
      const begun = Date.now();
      const all = await replicas(place, count, { cron: '*/2 * * * * *', lock: lock() });
      await sleep(TICKS_FOR);
      await until(async () => (await countOf(place)) >= 3);
      await stop(all);

      const ticks = Math.floor(Date.now() / 2_000) - Math.floor(begun / 2_000);
      const made = await onlyGood(place);
      expect(made.length).toBeLessThanOrEqual(ticks);
      // One at a time: each begins when the one before it is there.
      for (const [index, { createdAt, seconds }] of made.slice(0, -1).entries())
        expect(made[index + 1]!.createdAt!.getTime()).toBeGreaterThanOrEqual(
          createdAt!.getTime() + seconds! * 1_000 - 5,
        );
      expect(all.map(({ said }) => said()).join('')).toContain("another process's");
      console.log(`${name}: ${ticks} ticks, ${made.length} backups`);
    },
    TICKS_FOR + 2 * MINUTE,
  );
});

describeWith(['mongo', 'tools'], 'a schedule while clocks are set', () => {
  it('makes a tick that the clock has leapt over, once, and none again that was made', async () => {
    const place = await shop();
    const ahead = Date.parse('2031-05-05T09:58:00Z') - Date.now();
    const [one] = await replicas(place, 1, { cron: '0 * * * *', schedule: { timezone: 'UTC' }, ahead });
    const { set, said } = one!;

    await set(ahead + 2 * HOUR);
    await until(async () => (await countOf(place)) === 1);
    expect((await place.service.listBackups())[0]!.createdAt!.toISOString()).toMatch(/^2031-05-05T11:58/);

    // Back over the tick that was made, and by hand over it again.
    await set(ahead + 2 * HOUR - MINUTE);
    await set(ahead + 2 * HOUR);
    await sleep(2_500);
    expect(await countOf(place)).toBe(1);

    // Back by years: time goes on from there.
    await set(0);
    await sleep(2_500);
    expect(await countOf(place)).toBe(1);
    await set(HOUR);
    await until(async () => (await countOf(place)) === 2);
    expect(said()).not.toContain('failed');
    await stop([one!]);
    await onlyGood(place);
  });

  it.each([
    ['a night of 23 hours: 02:30 is made up for at 03:00', '2026-03-29T00:59:55Z', '2026-03-29T01:00:', 0],
    [
      'a night of 25 hours: at 02:30, and not when it is 02:30 again',
      '2026-10-25T00:29:55Z',
      '2026-10-25T00:30:',
      0,
    ],
    ['a night of 23 hours that is slept through', '2026-03-28T22:00:00Z', '2026-03-29T04:00:', 6 * HOUR],
    ['a night of 25 hours that is slept through', '2026-10-24T22:00:00Z', '2026-10-25T05:00:', 7 * HOUR],
  ])('makes the backup of %s, once', async (_, from, at, leap) => {
    const place = await shop();
    // How long they take to start is not of the night.
    const ahead = Date.parse(from) - HOUR - Date.now();
    const schedule = { timezone: 'Europe/Vienna' };
    const all = await replicas(place, 2, { cron: '30 2 * * *', schedule, ahead });
    const now = Date.parse(from) - Date.now();
    for (const { set } of all) await set(now + leap);

    await until(async () => (await countOf(place)) > 0);
    const later = Date.parse(from) + HOUR - Date.now();
    for (const { set } of all) await set(later + leap);
    await sleep(7_000);

    await stop(all);
    const made = await onlyGood(place);
    expect(made).toHaveLength(1);
    expect(made[0]!.createdAt!.toISOString().slice(0, at.length)).toBe(at);
  });

  it(
    'goes on whatever leaps a clock makes, before, in and after a backup: nothing half, and none lost',
    async () => {
      const place = await shop();
      const slow = join(await folder(), 'mongodump');
      const real = join(tools(), 'mongodump');
      await writeFile(slow, `#!/bin/sh\n[ "$1" = --version ] || sleep 0.7\nexec ${real} "$@"\n`, {
        mode: 0o755,
      });
      // With retention as it is by default: a clock of next year must not make all of them old.
      const all = await replicas(place, 3, { cron: '* * * * * *', mongodump: slow });
      const { id: first } = await place.service.createBackup();
      const lots = new Lots(effort.seed);
      const far = [-365 * DAY, -DAY, -HOUR, -10 * SECOND, -SECOND, SECOND, 10 * SECOND, HOUR, DAY, 365 * DAY];
      for (let leap = 0; leap < LEAPS; leap++) {
        const leaping = all.filter(() => lots.below(2) === 0);
        for (const { set } of leaping) await set(lots.of(far));
        await sleep(lots.below(2_500));
        for (const { set } of leaping) await set(0);
        const before = await countOf(place);
        await until(async () => (await countOf(place)) > before);
      }

      await stop(all);
      const made = await onlyGood(place);
      expect(made.map(({ id }) => id)).toContain(first);
      const errors = all.flatMap(({ said }) => said().match(/.*ERROR.*/g) ?? []);
      expect(errors.filter((line) => !line.includes('Retention was left out'))).toEqual([]);
      console.log(`Clocks leapt ${LEAPS} times: ${made.length} backups, all good`);
    },
    LEAPS * 20 * SECOND + 2 * MINUTE,
  );
});
