import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BackupError } from '../../src/backup/backup.errors.js';
import type { BackupService } from '../../src/backup/backup.service.js';
import { script } from '../integration/backup/compiled.js';
import { type Db, finally_, ground, plantShop } from '../integration/backup/ground.js';
import { childOf, processes, until } from '../integration/backup/processes.js';
import { describeWith, startOwnMongo, tools } from '../servers/index.js';
import { effort } from './effort.js';
import { Lots } from './load.js';

const KILLS = effort.isFull ? 50 : 2;
const TIME_LIMIT = effort.isFull ? 1_800_000 : 120_000;

describeWith(['mongo', 'mongod', 'tools'], 'SIGKILL at any moment of a backup', () => {
  it(
    'of the application: the backup is whole or not there, and the next start removes what is left',
    async () => {
      const { db, service, uri, directory, another, files } = await ground();
      await plantMuch(db);
      const lots = new Lots(effort.seed);
      const seen = { made: 0, notMade: 0 };
      const { id } = await service.createBackup();
      for (let kill = 0; kill < KILLS; kill++) {
        const victim = await script(
          `const service = await createBackupService(options);
           console.log('begins');
           await service.createBackup();
           console.log('done');
           setInterval(() => undefined, 1_000);`,
          { uri, directory, tools: { directory: tools() } },
        );
        await victim.written('begins');
        await Promise.race([victim.written('done').catch(() => undefined), sleep(lots.below(1_500))]);
        const child = await childOf('mongodump', victim.process.pid);
        victim.process.kill('SIGKILL');
        await victim.ended;
        if (child !== undefined)
          await until(async () => !(await processes()).some(({ pid }) => pid === child));

        const next = await another();
        await expectOnlyGood(next, [id]);
        const made = (await next.listBackups()).filter((backup) => backup.id !== id);
        seen[made.length > 0 ? 'made' : 'notMade']++;
        for (const backup of made) await next.deleteBackup(backup.id);
        expect(await files()).toEqual([id]);
        await next.close();
      }
      tell('the application', seen);
    },
    TIME_LIMIT,
  );

  it(
    'of mongodump: the backup is refused, or was made before',
    async () => {
      const { db, service, files } = await ground();
      await plantMuch(db);
      const lots = new Lots(effort.seed + 1);
      const { id } = await service.createBackup();
      const seen = { made: 0, notMade: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        const making = outcomeOf(service);
        const killing = (async () => {
          await sleep(lots.below(800));
          const child = await childOf('mongodump');
          try {
            if (child !== undefined) process.kill(child, 'SIGKILL');
          } catch (error) {
            // Done in between.
            if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
          }
        })();
        const made = await making;
        await killing;
        await expectOnlyGood(service, made ? [id, made] : [id]);
        seen[made ? 'made' : 'notMade']++;
        if (made) await service.deleteBackup(made);
        expect(await files()).toEqual([id]);
      }
      tell('mongodump', seen);
    },
    TIME_LIMIT,
  );

  it(
    'of the server: the backup is refused, or was made before',
    async () => {
      const lots = new Lots(effort.seed + 2);
      const seen = { made: 0, notMade: 0 };
      for (let kill = 0; kill < KILLS; kill++) {
        const server = await startOwnMongo({ replicaSet: false });
        const { db, service, files } = await ground({
          uri: `${server.url}shop?serverSelectionTimeoutMS=1000`,
          lock: false,
        });
        await plantMuch(db);
        const making = outcomeOf(service);
        await sleep(lots.below(1_000));
        await server.kill('SIGKILL');
        const made = await making;
        await expectOnlyGood(service, made ? [made] : []);
        expect(await files()).toEqual(made ? [made] : []);
        seen[made ? 'made' : 'notMade']++;
        finally_(() => server.stop());
      }
      tell('the server', seen);
    },
    TIME_LIMIT,
  );
});

/** The id of what was made; undefined when it was refused with a typed error. */
async function outcomeOf(service: BackupService): Promise<string | undefined> {
  try {
    return (await service.createBackup()).id;
  } catch (error) {
    if (error instanceof BackupError) return undefined;
    throw error;
  }
}

/** All that is listed is good, and proves good; what must be there is. */
async function expectOnlyGood(service: BackupService, ids: readonly string[]): Promise<void> {
  const listed = await service.listBackups();
  expect(listed.map(({ status }) => status)).toEqual(listed.map(() => 'good'));
  expect(listed.map(({ id }) => id)).toEqual(expect.arrayContaining([...ids]));
  for (const { id } of listed) expect(await service.verifyBackup(id)).toMatchObject({ good: true });
}

function tell(what: string, { made, notMade }: { made: number; notMade: number }): void {
  console.log(`Killed ${what}: ${made + notMade} times, ${made} backups were whole, ${notMade} not there`);
}

async function plantMuch(db: Db): Promise<void> {
  await plantShop(db);
  const text = 'roses are red '.repeat(60);
  for (const name of ['much', 'more'])
    await db.collection(name).insertMany(Array.from({ length: 8_000 }, (_, index) => ({ index, text })));
}
