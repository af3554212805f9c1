import { Logger } from '@nestjs/common';
import type { BackupOptions } from '../backup.options.js';
import type { RunBackup } from '../backup.scheduler.js';
import type { BackupCleanup } from '../cleanup.js';
import type { BackupCreation } from '../create/creation.js';

/**
 * What a schedule runs. Retention comes only after a backup that succeeded: while backups fail nothing is removed.
 * That it fails itself costs room, not data, so it is said and no more.
 */
export function backupAndCleanUp(
  creation: BackupCreation,
  cleanup: BackupCleanup,
  { retention }: BackupOptions,
): RunBackup {
  const log = new Logger('BackupScheduler');
  return async (wanted) => {
    const backup = await creation.create(wanted);
    if (retention === false) return backup;
    try {
      const { removed } = await cleanup.run(retention);
      if (removed.length > 0) log.log(`Retention removed ${removed.join(', ')}`);
    } catch (error) {
      log.error(`Retention failed after backup ${backup.id}. ${(error as Error).message}`);
    }
    return backup;
  };
}
