import { Logger } from '@nestjs/common';
import type { Backup } from '../backup.js';
import type { BackupLocks } from '../backup-locks.js';
import type { BackupOptions } from '../backup.options.js';
import type { RunBackup } from '../backup.scheduler.js';
import type { BackupCatalogue } from '../catalogue.js';
import type { BackupCleanup } from '../cleanup.js';
import type { BackupCopies } from '../copies/backup-copies.js';
import type { BackupCreation, CreateBackupOptions } from '../create/creation.js';
import type { DatabaseServer } from '../engine/database-server.js';
import { standsFor } from '../health.js';

/** How far the clocks of this host and of the server may be apart: a clock of next week would make all backups old. */
const CLOCKS_APART_MS = 60 * 60_000;

/**
 * What a schedule runs, in one process at a time. Retention comes only after a backup that succeeded: while backups
 * fail nothing is removed, nor while the clock may be wrong. That it fails itself costs room, not data, so it is said and no more. What earlier runs
 * could not copy to other storages is made up for in the end.
 */
export function backupAndCleanUp(
  creation: BackupCreation,
  cleanup: BackupCleanup,
  copies: BackupCopies,
  catalogue: BackupCatalogue,
  locks: BackupLocks,
  server: DatabaseServer,
  { retention, database: own, clock }: BackupOptions,
): RunBackup {
  const log = new Logger('BackupScheduler');
  const cleanUpAfter = async ({ id }: Backup): Promise<void> => {
    if (retention === false) return;
    try {
      const [now, host] = [clock.now(), Date.now()];
      const apart = Math.abs(host - (await server.use((session) => session.time())));
      if (apart > CLOCKS_APART_MS)
        return log.error(
          `Retention was left out after backup ${id}: the clocks of this host and of the MongoDB server are ${Math.round(apart / 60_000)} minutes apart`,
        );
      const { removed } = await cleanup.run(retention, {}, now);
      if (removed.length > 0) log.log(`Retention removed ${removed.join(', ')}`);
    } catch (error) {
      log.error(`Retention failed after backup ${id}. ${(error as Error).message}`);
    }
  };
  const madeSince = async (time: number, { database = own, collections }: CreateBackupOptions) => {
    const now = clock.now();
    const newest = await catalogue.newest((backup) => standsFor({ database, collections }, backup, now));
    return newest?.createdAt !== undefined && newest.createdAt.getTime() >= time;
  };
  return async (wanted, { schedule, turn, unlessSince }) => {
    const lock = await locks.take(`schedule:${schedule}`, turn);
    if (!lock) return undefined;
    try {
      if (unlessSince !== undefined && (await madeSince(unlessSince, wanted))) return undefined;
      const backup = await creation.create({ ...wanted, signal: lock.signal }, () => lock.confirm());
      await cleanUpAfter(backup);
      await copies.makeUp(backup, lock.signal);
      return backup;
    } catch (error) {
      throw lock.signal.aborted ? lock.signal.reason : error;
    } finally {
      await lock.release();
    }
  };
}
