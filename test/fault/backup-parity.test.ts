import { expect, it } from 'vitest';
import type { BackupService } from '../../src/backup/backup.service.js';
import { type Db, ground } from '../integration/backup/ground.js';
import { describeWith } from '../servers/index.js';
import { effort } from './effort.js';
import { Lots } from './load.js';
import { exactContentOf, makeOddDatabase } from './odd-database.js';

const DATABASES = Number(process.env['FAULT_DATABASES'] ?? (effort.isFull ? 200 : 3));
const ENGINES = ['mongodump', 'driver'] as const;

describeWith(['mongo', 'tools'], 'any database', () => {
  it(
    `comes back the same by either engine from the backup of either (${DATABASES} of them)`,
    async () => {
      const { another, database } = await ground();
      const services = await Promise.all(ENGINES.map(async (engine) => another({ engine })));
      const failures: object[] = [];
      for (let number = 0; number < DATABASES; number++) {
        const seed = effort.seed + number;
        const [db, target] = [database(), database()];
        await makeOddDatabase(db, new Lots(seed));
        const before = await exactContentOf(db);
        for (const [from, make] of services.entries()) {
          const { id } = await make.createBackup({ database: db.databaseName });
          for (const [by, restore] of services.entries()) {
            const lost = await difference(before, restore, id, target);
            if (lost.length > 0) failures.push({ seed, made: ENGINES[from], restored: ENGINES[by], lost });
          }
          await make.deleteBackup(id);
        }
        await db.dropDatabase();
      }
      expect(failures).toEqual([]);
    },
    DATABASES > 3 ? 3_600_000 : 240_000,
  );
});

/** What is not in the target as it was, or more than was there; or the failure of the restore. */
async function difference(
  before: Readonly<Record<string, string>>,
  service: BackupService,
  id: string,
  target: Db,
): Promise<readonly string[]> {
  try {
    await service.restoreBackup(id, { to: target.databaseName });
    const after = await exactContentOf(target);
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.filter((key) => before[key] !== after[key]).map((key) => key.slice(0, 300));
  } catch (error) {
    return [(error as Error).message];
  } finally {
    await target.dropDatabase();
  }
}
