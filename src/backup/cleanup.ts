import { Injectable, Logger } from '@nestjs/common';
import type { Backup, GoodBackup } from './backup.js';
import { BackupError } from './backup.errors.js';
import { BackupOptions, refuseUnknown } from './backup.options.js';
import { BackupCatalogue } from './catalogue.js';
import { checkSwitch } from './names.js';
import { decideRetention, type RetentionCandidate, type RetentionPolicy } from './retention.js';

export interface CleanupOptions {
  /** Only tell what would go. @default false */
  dryRun?: boolean | undefined;
}

export interface CleanupReport {
  readonly dryRun: boolean;
  /** Ids of what went, or with `dryRun` would go; oldest first. */
  readonly removed: readonly string[];
  /** Ids of the good backups that stay; oldest first. */
  readonly kept: readonly string[];
  /** Damaged and foreign things: neither counted nor touched. */
  readonly ignored: readonly string[];
  /** In one storage: copies are not counted. */
  readonly freedBytes: number;
  /** What should have gone and is still in a storage, and why. */
  readonly failed: readonly { readonly id: string; readonly problem: string }[];
}

/** Removes the backups that retention lets go. */
@Injectable()
export class BackupCleanup {
  private readonly log = new Logger(BackupCleanup.name);

  constructor(
    private readonly options: BackupOptions,
    private readonly catalogue: BackupCatalogue,
  ) {}

  async run(
    policy: RetentionPolicy | false = this.options.retention,
    options: CleanupOptions = {},
    now = this.options.clock.now(),
  ): Promise<CleanupReport> {
    refuseUnknown('option of cleanupBackups', options, ['dryRun']);
    checkSwitch('dryRun', options.dryRun);
    if (policy === false)
      throw new BackupError('INVALID_RETENTION', {
        problem: 'There is no retention policy',
        advice: 'pass one to cleanupBackups(), or set the option retention',
      });
    const { dryRun = false } = options;
    const found = await this.catalogue.list();
    const good = found.filter(isGood);
    const { remove, keep } = decideRetention(good.map(candidate), policy, now);
    const { removed, failed } = dryRun ? { removed: remove, failed: [] } : await this.remove(remove, good);
    return {
      dryRun,
      removed,
      kept: keep,
      ignored: found.filter((backup) => !isGood(backup)).map(({ id }) => id),
      freedBytes: good.filter(({ id }) => removed.includes(id)).reduce((sum, { bytes }) => sum + bytes, 0),
      failed,
    };
  }

  /**
   * Removes them from the storages that were seen: what one has that could not be asked, was not decided on. Gives
   * what this call removed: some may be gone by another.
   */
  private async remove(
    ids: readonly string[],
    good: readonly GoodBackup[],
  ): Promise<Pick<CleanupReport, 'removed' | 'failed'>> {
    const removed: string[] = [];
    const failed: CleanupReport['failed'][number][] = [];
    for (const id of ids) {
      try {
        await this.catalogue.delete(id, seen(good.find((backup) => backup.id === id)!));
        removed.push(id);
      } catch (error) {
        if (!(error instanceof BackupError)) throw error;
        if (error.code === 'BACKUP_NOT_FOUND') continue;
        this.log.error(`Backup ${id} should have been removed. ${error.message}`);
        failed.push({ id, problem: error.message });
      }
    }
    return { removed, failed };
  }
}

function isGood(backup: Backup): backup is GoodBackup {
  return backup.status === 'good';
}

/** Indexes of the storages that could be asked. */
function seen({ copies }: GoodBackup): ReadonlySet<number> | undefined {
  return copies && new Set([...copies.keys()].filter((index) => copies[index]!.status !== 'unknown'));
}

/** Backups of other databases, or of other collections, don't stand for one another. */
function candidate({ id, createdAt, bytes, database, collections, copies }: GoodBackup): RetentionCandidate {
  const at = copies?.flatMap(({ status }, index) => (status === 'good' ? [String(index)] : []));
  return { id, createdAt, bytes, source: JSON.stringify([database, collections?.toSorted()]), at };
}
