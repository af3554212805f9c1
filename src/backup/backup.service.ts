import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Backup } from './backup.js';
import { BackupLocks } from './backup-locks.js';
import { BackupScheduler, type ScheduleOptions } from './backup.scheduler.js';
import { BackupCatalogue, type BackupFilter } from './catalogue.js';
import { BackupCleanup, type CleanupOptions, type CleanupReport } from './cleanup.js';
import { BackupCopies, type CopyOptions, type CopyReport } from './copies/backup-copies.js';
import { BackupCreation, type CreateBackupOptions } from './create/creation.js';
import { type BackupHealth, BackupHealthCheck } from './health.js';
import { BackupHooks } from './hooks/backup-hooks.js';
import type { RestoreReport } from './restore/restore-report.js';
import { Restoration, type RestoreOptions } from './restore/restoration.js';
import { SwapRecovery } from './restore/swap-recovery.js';
import type { RetentionPolicy } from './retention.js';
import { RunQueue } from './run-queue.js';
import type { ScheduledBackup } from './schedule/scheduled-backup.js';
import { Verification, type VerifyOptions, type VerifyReport } from './verification.js';

/**
 * Backups of MongoDB: made, listed, verified, restored, cleaned up, scheduled.
 *
 * Backups and restores of one service run one at a time; others wait for their turn. All errors are BackupErrors
 * with a stable `code`, and no error, log line or stored file holds a secret.
 */
@Injectable()
export class BackupService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly creation: BackupCreation,
    private readonly catalogue: BackupCatalogue,
    private readonly verification: Verification,
    private readonly restoration: Restoration,
    private readonly cleanup: BackupCleanup,
    private readonly copies: BackupCopies,
    private readonly scheduler: BackupScheduler,
    private readonly queue: RunQueue,
    private readonly recovery: SwapRecovery,
    private readonly locks: BackupLocks,
    private readonly hooks: BackupHooks,
    private readonly health: BackupHealthCheck,
  ) {}

  /**
   * Dumps a database, proves that the dump is whole, and stores it compressed, counted and hashed. A backup is there
   * when this resolves, and not a byte of it when it rejects. Without `oplog` collections are read one after another:
   * what is written during the dump may be in one and not in another.
   *
   * It takes no lock: it only reads the database, and what two processes make at once are two backups, both good. What
   * is to be made once by all of them is a schedule's.
   *
   * Where there are several storages the backup is made once the primary has it. It is then copied to the others, and
   * what they lack of earlier ones, too: that this fails is told by `copies` of the backup and in the log, never thrown.
   *
   * @throws BackupError DATABASE_NOT_FOUND, COLLECTION_NOT_FOUND, SERVER_UNREACHABLE, AUTHENTICATION_FAILED,
   *   NOT_AUTHORIZED, TOOL_NOT_FOUND, TOOL_TOO_OLD, TOOL_FAILED, BACKUP_INCOMPLETE, ARCHIVE_INVALID, STORAGE_FULL,
   *   STORAGE_UNUSABLE, HOOK_FAILED, ABORTED, TIMED_OUT, INVALID_OPTIONS
   */
  async createBackup(options?: CreateBackupOptions): Promise<Backup> {
    const backup = await this.creation.create(options);
    await this.copies.makeUp(backup, options?.signal);
    return backup;
  }

  /**
   * All backups, newest first, and what else lies in their place: damaged and foreign things are told by `status`.
   *
   * @throws BackupError STORAGE_UNUSABLE, INVALID_OPTIONS
   */
  listBackups(filter?: BackupFilter): Promise<Backup[]> {
    return this.catalogue.list(filter);
  }

  /** @throws BackupError INVALID_BACKUP_ID, BACKUP_NOT_FOUND, STORAGE_UNUSABLE */
  getBackup(id: string): Promise<Backup> {
    return this.catalogue.get(id);
  }

  /**
   * Reads a backup's bytes and says whether they are right. Damage is reported, not thrown. At level `restore` it is
   * also restored, into databases of its own that are dropped afterwards, and what came back is compared.
   *
   * @throws BackupError INVALID_BACKUP_ID, BACKUP_NOT_FOUND, BACKUP_UNSUPPORTED, STORAGE_UNUSABLE, ABORTED; at level
   *   `restore` also RESTORE_REFUSED, SERVER_TOO_OLD, and those of the tools and the server
   */
  verifyBackup(id: string, options?: VerifyOptions): Promise<VerifyReport> {
    return this.verification.verify(id, options);
  }

  /**
   * Puts a backup back. It is proved completely first; then everything is loaded beside what is there, counted, and
   * put in place by one rename per collection. A restore that fails before the first rename leaves the target as it
   * was. The renames are written down in the database: when the process dies between them, the next start, backup or
   * restore of any process ends what was begun. While they run readers may see some collections replaced and others
   * not yet; time series and `system.js` are loaded in place, so they must not
   * be there. The server's own databases, users and roles are never restored.
   *
   * @param idOrPath an id, `'latest'` for the newest good one, or a path (anything with a separator): the folder
   *   that holds the manifest, or the manifest itself
   * @throws TargetNotEmptyError; SwapFailedError when the server refused a rename that can't be taken back: it names
   *   what was replaced and what was not; BackupError LOCKED while another process restores there, LOCK_LOST,
   *   LOCK_UNAVAILABLE, BACKUP_NOT_FOUND, BACKUP_DAMAGED, BACKUP_UNSUPPORTED,
   *   COLLECTION_NOT_FOUND, RESTORE_REFUSED, RESTORE_MISMATCH, SERVER_TOO_OLD, and those of the tools and the server
   */
  restoreBackup(idOrPath: string, options?: RestoreOptions): Promise<RestoreReport> {
    return this.restoration.restore(idOrPath, options);
  }

  /**
   * Removes the backups that the policy lets go: good ones only, by their recorded time, for each database by
   * itself, and never the newest good one of any.
   *
   * @param policy instead of the option `retention`
   * @throws BackupError INVALID_RETENTION, STORAGE_UNUSABLE
   */
  cleanupBackups(policy?: RetentionPolicy, options?: CleanupOptions): Promise<CleanupReport> {
    return this.cleanup.run(policy, options);
  }

  /**
   * Makes up for copies that other storages lack, or have damaged. Every scheduled backup, and `createBackup`, ends
   * with it; with `id` it also brings a backup back into a primary that has lost it.
   *
   * @throws BackupError INVALID_OPTIONS where there is only one storage, INVALID_BACKUP_ID, BACKUP_NOT_FOUND,
   *   BACKUP_DAMAGED, STORAGE_UNUSABLE, ABORTED
   */
  copyBackups(options?: CopyOptions): Promise<CopyReport> {
    return this.copies.run(options);
  }

  /**
   * Removes one backup, good or damaged, and only the files that are a backup's: from all storages, or it rejects.
   *
   * @throws BackupError INVALID_BACKUP_ID, BACKUP_NOT_FOUND (what is not a backup of this package included),
   *   STORAGE_UNUSABLE: it is gone from the storages that could be asked
   */
  deleteBackup(id: string): Promise<void> {
    return this.catalogue.delete(id);
  }

  /**
   * Backups by a cron expression, each followed by retention when it succeeded. Nothing runs before `start()`.
   *
   * @throws BackupError INVALID_SCHEDULE, INVALID_OPTIONS
   */
  scheduleBackups(cron: string, options?: ScheduleOptions): ScheduledBackup {
    return this.scheduler.scheduleBackups(cron, options);
  }

  /**
   * Says whether the newest good backup of the whole database in `uri` is younger than the option `staleAfter`, in the
   * shape that health checks such as those of @nestjs/terminus are put together from: `{ backup: { status: 'up', … } }`.
   *
   * @param key under which it is told
   */
  async checkHealth<Key extends string = 'backup'>(
    key = 'backup' as Key,
  ): Promise<Record<Key, BackupHealth>> {
    return { [key]: await this.health.look() } as Record<Key, BackupHealth>;
  }

  /**
   * Ends what killed processes have left: unfinished backups, restores that were cut short. Done at start, and by
   * every backup and restore, anyway.
   *
   * @throws BackupError SERVER_UNREACHABLE, AUTHENTICATION_FAILED, NOT_AUTHORIZED; SwapFailedError
   */
  async recover(): Promise<void> {
    await this.creation.removeLeftovers();
    await this.recovery.recover();
  }

  /** Stops the schedules and what runs, and waits until that has cleaned up. For use without Nest. */
  async close(): Promise<void> {
    this.scheduler.stop();
    await this.queue.close();
    await Promise.all([this.scheduler.idle(), this.hooks.close()]);
    await this.locks.close();
  }

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all([this.creation.atStart(), this.recovery.atStart()]);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.close();
  }
}
