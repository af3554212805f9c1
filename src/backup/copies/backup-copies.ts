import { Injectable, Logger } from '@nestjs/common';
import type { Backup, BackupCopy } from '../backup.js';
import { BackupError, invalidOption } from '../backup.errors.js';
import { checkedBackupId } from '../backup-id.js';
import { BackupOptions, refuseUnknown } from '../backup.options.js';
import { BackupCatalogue } from '../catalogue.js';
import { withDeadline } from '../create/deadline.js';
import { inTime } from '../examination.js';
import { BackupHooks } from '../hooks/backup-hooks.js';
import { checkWatch } from '../names.js';
import type { ProgressListener } from '../progress.js';
import { verifyHash } from '../proof.js';
import { RunQueue } from '../run-queue.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import { BackupStorages } from './backup-storages.js';
import { copyBackup } from './copy-backup.js';

export interface CopyOptions {
  /**
   * This backup only, from whichever storage has it good into all that lack it, the primary included. Absent: all
   * that the primary has good, into the others.
   */
  id?: string | undefined;
  /** Stops it; what was copied stays. */
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

export interface CopyReport {
  /** What was copied, and where it is now. */
  readonly copied: readonly { readonly id: string; readonly location: string }[];
  /** What is lacking still, and why. */
  readonly failed: readonly { readonly id: string; readonly location: string; readonly problem: string }[];
}

interface Watch {
  readonly signal: AbortSignal;
  readonly onProgress?: ProgressListener | undefined;
}

/** Why a storage, by its index, is not tried again. */
type Down = ReadonlyMap<number, string>;

/** Brings backups from the storage that has them into those that lack them. */
@Injectable()
export class BackupCopies {
  private readonly log = new Logger(BackupCopies.name);

  constructor(
    private readonly options: BackupOptions,
    private readonly storages: BackupStorages,
    private readonly catalogue: BackupCatalogue,
    private readonly queue: RunQueue,
    private readonly hooks: BackupHooks,
  ) {}

  /** Copies one that was just made. Never rejects: it is there, whatever becomes of its copies. */
  async ofNew(backup: Backup, watch: Watch): Promise<Backup> {
    if (this.storages.copies.length === 0) return backup;
    const copies: BackupCopy[] = [{ location: backup.location, status: 'good' }];
    for (const to of this.storages.copies) copies.push((await this.tried(backup.id, to, watch)).copy);
    return { ...backup, copies };
  }

  /**
   * Makes up for copies that failed before. Never rejects: what can't be done is said.
   *
   * @param made just now: storages that did not take it are left alone
   */
  async makeUp({ copies = [] }: Backup, signal?: AbortSignal): Promise<void> {
    if (this.storages.copies.length === 0) return;
    const down = new Map(copies.flatMap(({ problem }, index) => (problem ? [[index, problem]] : [])));
    try {
      const { copied } = await this.run({ signal }, down);
      for (const { id, location } of copied) this.log.log(`Backup ${id} was copied to ${location}`);
    } catch (error) {
      if (signal?.aborted) return;
      this.log.warn(`Copies that are lacking could not be made up for. ${(error as Error).message}`);
    }
  }

  /** @throws BackupError INVALID_OPTIONS, INVALID_BACKUP_ID, BACKUP_NOT_FOUND, STORAGE_UNUSABLE, ABORTED */
  async run(options: CopyOptions = {}, down: Down = new Map()): Promise<CopyReport> {
    refuseUnknown('option of copyBackups', options, ['id', 'signal', 'onProgress']);
    checkWatch(options.signal, options.onProgress);
    const { id, onProgress } = options;
    if (id !== undefined) await this.catalogue.find(checkedBackupId(id));
    if (this.storages.copies.length === 0)
      throw invalidOption('There is only one storage', 'the option storage with a list of several');
    return this.queue.run(options.signal, async (signal) => {
      const found =
        id === undefined ? await this.catalogue.list({ status: 'good' }) : [await this.catalogue.get(id)];
      const wanted = id === undefined ? found.filter(isGoodInPrimary) : found;
      return this.copyAll(wanted, new Map(down), { signal, onProgress });
    });
  }

  private async copyAll(
    backups: readonly Backup[],
    down: Map<number, string>,
    watch: Watch,
  ): Promise<CopyReport> {
    const copied: CopyReport['copied'][number][] = [];
    const failed: CopyReport['failed'][number][] = [];
    for (const { id, copies = [] } of backups)
      for (const [index, { status, location, problem }] of copies.entries()) {
        if (status === 'good') continue;
        const hopeless = status === 'unknown' || status === 'foreign' ? problem : down.get(index);
        if (hopeless !== undefined) {
          failed.push({ id, location, problem: hopeless });
          continue;
        }
        const { copy, isDown } = await this.tried(id, this.storages.all[index]!, watch, status === 'damaged');
        watch.signal.throwIfAborted();
        if (copy.status === 'good') copied.push({ id, location: copy.location });
        else failed.push({ id, location, problem: copy.problem! });
        if (isDown) down.set(index, copy.problem!);
      }
    return { copied, failed };
  }

  private async tried(
    id: string,
    to: BackupStorage,
    { signal, onProgress }: Watch,
    inPlaceOfDamaged = false,
  ): Promise<{ copy: BackupCopy; isDown: boolean }> {
    try {
      const { location } = await withDeadline(this.options.timeoutMs, signal, async (signal) => {
        const backup = await this.catalogue.find(id);
        await inTime(to, to.removeLeftovers());
        if (inPlaceOfDamaged) {
          await verifyHash(backup, signal);
          await to.delete(id);
        }
        return copyBackup(backup, to, signal, onProgress);
      });
      return { copy: { location, status: 'good' }, isDown: false };
    } catch (error) {
      const problem = (error as Error).message;
      this.log.warn(`Backup ${id} could not be copied to ${to.location}. ${problem}`);
      const isDown = error instanceof BackupError && error.code.startsWith('STORAGE_');
      const copy = { location: `${to.location}/${id}`, status: 'missing', problem } as const;
      // Not waited for: it may ask for something that waits for this.
      void this.hooks.tell('copyFailed', { id, copy });
      return { copy, isDown };
    }
  }
}

function isGoodInPrimary({ copies = [] }: Backup): boolean {
  return copies[0]?.status === 'good';
}
