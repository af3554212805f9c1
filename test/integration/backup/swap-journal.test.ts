import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { describeWith, tools, unique } from '../../servers/index.js';
import { compiled } from './compiled.js';
import { contentOf, type Db, failureOf, ground } from './ground.js';
import { processes, until } from './processes.js';
import { seeded } from './seeded.js';

/** `BACKUP_KILLS=60 npx vitest run --project integration test/integration/backup/swap-journal.test.ts` for many. */
const KILLS = Number(process.env['BACKUP_KILLS'] ?? 1);
const NAMES = Array.from({ length: 12 }, (_, index) => `c${String(index).padStart(2, '0')}`);

const RESTORE = `import 'reflect-metadata';
import { createBackupService } from './backup/create-backup-service.js';
const { id, to, force, stops, ...options } = JSON.parse(process.argv[2]);
const service = await createBackupService(options);
await service.restoreBackup(id, { to, force, onProgress: ({ phase }) => {
  if (phase !== 'swap') return;
  process.stdout.write('swap');
  if (stops) process.kill(process.pid, 'SIGSTOP');
} });
await service.close();
process.stdout.write('done');
`;

describeWith(['mongo', 'tools'], 'a restore whose process is killed while it swaps', () => {
  it.each([
    ['with force leaves all as it was or all as the backup says, once a process has started', true, 'start'],
    ['with force is ended by the next backup, which never sees a mixture', true, 'backup'],
    ['into an empty database leaves nothing, or all of the backup', false, 'start'],
  ])(
    '%s',
    async (_, force, ender) => {
      const { db, service, another, uri, directory, database } = await ground();
      await plant(db, 'backup');
      const { id } = await service.createBackup();
      const target = force ? db : database();
      const full = await contentOf(db);
      const cwd = await compiled();
      await writeFile(join(cwd, 'restore.mjs'), RESTORE);
      const given = { uri, directory, tools: { directory: tools() }, id, force, to: target.databaseName };
      const random = seeded(`${force}${ender}`);
      const ends = { 'as it was': 0, 'as the backup says': 0, 'in the swap': 0 };
      // How long a swap takes here: the first is let to its end.
      let swapMs = 0;
      for (let run = 0; run <= KILLS; run++) {
        await clear(target);
        if (force) await plant(target, 'before');
        const before = await contentOf(target);
        const child = spawn('node', ['restore.mjs', JSON.stringify(given)], {
          cwd,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        let output = '';
        let begun = 0;
        const read = (chunk: Buffer): void => {
          output += chunk.toString();
          if (begun > 0 || !output.includes('swap')) return;
          begun = performance.now();
          if (swapMs > 0) setTimeout(() => child.kill('SIGKILL'), random() * swapMs);
        };
        child.stdout.on('data', read);
        child.stderr.on('data', read);
        await new Promise((ended) => child.on('close', ended));
        expect(output).toContain('swap');
        if (run === 0) {
          swapMs = performance.now() - begun;
          expect(output).toContain('done');
        }
        if ((await ours(target)).some((name) => name.startsWith('flora_swap'))) ends['in the swap']++;

        const next = await another();
        if (ender === 'backup') await next.createBackup({ database: target.databaseName });
        const after = await contentOf(target);
        const isFull = isDeepStrictEqual(after, full);
        expect(after).toEqual(isFull ? full : before);
        ends[isFull ? 'as the backup says' : 'as it was']++;
        await next.close();
      }
      console.log(`${KILLS} kills within ${Math.round(swapMs)} ms (${ender}, force ${force}):`, ends);
      expect(await ours(target)).toEqual([]);
    },
    60_000 + KILLS * 20_000,
  );
});

describeWith(['mongo', 'tools'], 'a restore that is under way', () => {
  it('is left alone by applications whose locks are kept elsewhere, and by starts', async () => {
    const { db, service, another, uri, directory, database } = await ground();
    await plant(db, 'backup');
    const { id } = await service.createBackup();
    const full = await contentOf(db);
    const target = database();
    const cwd = await compiled();
    await writeFile(join(cwd, 'restore.mjs'), RESTORE);
    const given = { uri, directory, tools: { directory: tools() }, id, to: target.databaseName, stops: true };
    const child = spawn('node', ['restore.mjs', JSON.stringify(given)], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await until(async () => (await ours(target)).some((name) => name.startsWith('flora_swap')));
      await until(async () => output.includes('swap'));

      const elsewhere = await another({ uri: withDatabase(uri, unique()) });
      const nowhere = await another({ uri: withDatabase(uri, '') });
      for (const other of [service, elsewhere, nowhere])
        expect(await failureOf(other.createBackup({ database: target.databaseName }))).toMatchObject({
          code: 'LOCKED',
        });
      child.kill('SIGCONT');
      await new Promise((ended) => child.on('close', ended));
      expect(output).toContain('done');
    } finally {
      child.kill('SIGKILL');
    }
    expect(await contentOf(target)).toEqual(full);
    expect(await ours(target)).toEqual([]);
  });
});

describeWith(['mongo', 'tools'], 'a restore whose process is killed at any other moment', () => {
  it(
    'leaves all as it was, time series included',
    async () => {
      const { db, service, another, uri, directory, database } = await ground();
      await plant(db, 'backup');
      for (const name of ['visits', 'sales']) {
        await db.createCollection(name, { timeseries: { timeField: 'at' } });
        await db.collection(name).insertMany([{ at: new Date(), page: 1 }]);
      }
      const { id } = await service.createBackup();
      const full = await contentOf(db);
      const cwd = await compiled();
      await writeFile(join(cwd, 'restore.mjs'), RESTORE);
      const random = seeded('any');
      let whole = 0;
      for (let run = 0; run < KILLS; run++) {
        const to = database(unique());
        const given = { uri, directory, tools: { directory: tools() }, id, to: to.databaseName };
        const child = spawn('node', ['restore.mjs', JSON.stringify(given)], {
          cwd,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        const ended = new Promise((ended) => child.on('close', ended));
        // From the first collection beside to the end of the last time series.
        await until(async () => (await to.listCollections().toArray()).length > 0 || child.exitCode !== null);
        await new Promise((wake) => setTimeout(wake, random() * 1_500));
        const tool = (await processes()).find(
          ({ parent, name }) => parent === child.pid && name === 'mongorestore',
        );
        child.kill('SIGKILL');
        await ended;
        await until(async () => !tool || !(await processes()).some(({ pid }) => pid === tool.pid));

        await (await another()).close();

        const after = await contentOf(to);
        if (Object.keys(after).length > 0) whole++;
        expect(after).toEqual(Object.keys(after).length > 0 ? full : {});
      }
      console.log(`${KILLS} kills at any moment: ${whole} whole, ${KILLS - whole} as before`);
    },
    60_000 + KILLS * 20_000,
  );
});

async function plant(db: Db, from: string): Promise<void> {
  await Promise.all(
    NAMES.map(async (name, index) => {
      // Some are there only before, or only in the backup, as are views over them.
      if (from === 'before' && index % 5 === 0) return;
      await db.collection(name).insertMany([{ from, index }, { from }]);
      await db.collection(name).createIndex({ [from]: 1 });
    }),
  );
  for (const [name, viewOn] of [
    ['v1', 'c01'],
    ['v2', 'c02'],
    [from === 'before' ? 'c05' : 'v3', 'c03'],
  ] as const)
    await db.createCollection(name, { viewOn, pipeline: [{ $match: { from } }] });
}

function withDatabase(uri: string, name: string): string {
  const url = new URL(uri);
  url.pathname = name;
  return url.href;
}

async function clear(db: Db): Promise<void> {
  const found = await db.listCollections().toArray();
  for (const { name } of found.filter(({ name }) => !name.startsWith('system.')))
    await db.collection(name).drop();
}

async function ours(db: Db): Promise<string[]> {
  const found = await db.listCollections().toArray();
  return found.map(({ name }) => name).filter((name) => /^flora_(restore|swap)/.test(name));
}
