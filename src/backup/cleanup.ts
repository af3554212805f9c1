import { Injectable } from '@nestjs/common';
import type { Backup, GoodBackup } from './backup.js';
import { BackupError } from './backup.errors.js';
import { BackupOptions, refuseUnknown } from './backup.options.js';
import { BackupCatalogue } from './catalogue.js';
import { decideRetention, type RetentionPolicy } from './retention.js';

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
  readonly freedBytes: number;
}

/** Removes the backups that retention lets go. */
@Injectable()
export class BackupCleanup {
  constructor(
    private readonly options: BackupOptions,
    private readonly catalogue: BackupCatalogue,
  ) {}

  async run(
    policy: RetentionPolicy | false = this.options.retention,
    options: CleanupOptions = {},
  ): Promise<CleanupReport> {
    refuseUnknown('option of cleanupBackups', options, ['dryRun']);
    if (policy === false)
      throw new BackupError('INVALID_RETENTION', {
        problem: 'There is no retention policy',
        advice: 'pass one to cleanupBackups(), or set the option retention',
      });
    const { dryRun = false } = options;
    const found = await this.catalogue.list();
    const good = found.filter(isGood);
    const { remove, keep } = decideRetention(good.map(candidate), policy, this.options.clock.now());
    const removed = dryRun ? remove : await this.remove(remove);
    return {
      dryRun,
      removed,
      kept: keep,
      ignored: found.filter((backup) => !isGood(backup)).map(({ id }) => id),
      freedBytes: good.filter(({ id }) => removed.includes(id)).reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** Gives what this call removed: some may be gone by another. */
  private async remove(ids: readonly string[]): Promise<string[]> {
    const removed: string[] = [];
    for (const id of ids) {
      try {
        await this.catalogue.delete(id);
        removed.push(id);
      } catch (error) {
        if (!(error instanceof BackupError && error.code === 'BACKUP_NOT_FOUND')) throw error;
      }
    }
    return removed;
  }
}

function isGood(backup: Backup): backup is GoodBackup {
  return backup.status === 'good';
}

/** Backups of other databases, or of other collections, don't stand for one another. */
function candidate({ id, createdAt, bytes, database, collections }: GoodBackup) {
  return { id, createdAt, bytes, source: JSON.stringify([database, collections?.toSorted()]) };
}
