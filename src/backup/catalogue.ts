import { Inject, Injectable } from '@nestjs/common';
import { shown } from '../errors.js';
import type { Backup, BackupStatus } from './backup.js';
import { BackupError, invalidOption } from './backup.errors.js';
import { checkedBackupId, isMadeId } from './backup-id.js';
import { BackupOptions, refuseUnknown } from './backup.options.js';
import { BackupStorages } from './copies/backup-storages.js';
import { EncryptionKeys } from './encryption/encryption-keys.js';
import type { NamedKey } from './encryption/seal.js';
import {
  backupOf,
  best,
  examine,
  inTime,
  look,
  missing,
  type Sight,
  type SightStatus,
  unknown,
} from './examination.js';
import type { Manifest } from './manifest.js';
import { checkDatabaseName, checkShortText } from './names.js';
import type { BackupStorage, StoredBackup } from './storage/backup-storage.js';

/** Which backups to list; absent: all, and what else lies beside them. */
export interface BackupFilter {
  status?: BackupStatus | undefined;
  /** Made of this database; `'*'` for those of the whole instance. */
  database?: string | undefined;
  label?: string | undefined;
}

/** A backup that may be restored. */
export interface RestorableBackup {
  readonly stored: StoredBackup;
  readonly manifest: Manifest;
  /** The key of its archive; undefined where it isn't encrypted. @throws BackupError KEY_NOT_FOUND, KEY_WRONG, KEY_INVALID */
  readonly key: () => Promise<NamedKey | undefined>;
}

/** A storage that has a backup, or could. */
export interface BackupPlace {
  readonly location: string;
  readonly status: SightStatus;
  /** @throws BackupError when it isn't good there */
  readonly open: () => RestorableBackup;
}

/** How a backup is found by its path. */
export type OpenBackupAt = (path: string) => Promise<StoredBackup>;
export const OPEN_BACKUP_AT = Symbol('OPEN_BACKUP_AT');

/** Enough to hide the latency of a storage, few enough for its limits. */
const AT_ONCE = 16;

/**
 * What there is in all storages: backups by their manifests, damaged ones, and what others put in the same place. A
 * storage that can't be asked is told as such; only when none can, that is an error.
 */
@Injectable()
export class BackupCatalogue {
  constructor(
    private readonly storages: BackupStorages,
    @Inject(OPEN_BACKUP_AT) private readonly openAt: OpenBackupAt,
    private readonly keys: EncryptionKeys,
    private readonly options: BackupOptions,
  ) {}

  /** Newest first; what has no time last, by name. */
  async list(filter: BackupFilter = {}): Promise<Backup[]> {
    checkFilter(filter);
    const shelves = await this.shelves();
    const names = [...new Set(shelves.flatMap(({ names }) => [...names]))].sort();
    const found: Backup[] = [];
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const some = names.slice(at, at + AT_ONCE);
      const sights = await Promise.all(
        some.map((name) => Promise.all(shelves.map((shelf) => lookOn(shelf, name)))),
      );
      for (const [index, name] of some.entries())
        if (isThere(sights[index]!, shelves)) found.push(backupOf(name, sights[index]!));
    }
    return found
      .filter((backup) => FILTERS.every((key) => filter[key] === undefined || backup[key] === filter[key]))
      .sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? 1 : -1));
  }

  /**
   * The newest that fits, without a look at all of them: ids that this package makes sort by time.
   *
   * @throws BackupError STORAGE_UNUSABLE
   */
  async newest(fits: (backup: Backup) => boolean): Promise<Backup | undefined> {
    const shelves = await this.shelves();
    const names = [...new Set(shelves.flatMap(({ names }) => [...names]))];
    const made = names.filter(isMadeId).toSorted().toReversed();
    for (const name of made) {
      const sights = await Promise.all(shelves.map((shelf) => lookOn(shelf, name)));
      const backup = backupOf(name, sights);
      if (fits(backup)) return backup;
    }
    return undefined;
  }

  /** @throws BackupError INVALID_BACKUP_ID, BACKUP_NOT_FOUND, STORAGE_UNUSABLE */
  async get(id: string): Promise<Backup> {
    return backupOf(id, await this.sights(id));
  }

  /**
   * The good copies of a backup, in the order of the storages.
   *
   * @param ref an id, `'latest'`, or with a separator in it a path
   * @throws BackupError INVALID_BACKUP_ID, BACKUP_NOT_FOUND, BACKUP_DAMAGED, BACKUP_UNSUPPORTED, STORAGE_UNUSABLE
   */
  async copies(ref: string): Promise<readonly RestorableBackup[]> {
    if (typeof ref === 'string' && /[/\\]/.test(ref)) return [await this.restorableAt(ref)];
    if (ref !== 'latest') return this.goodOnes(await this.sights(ref));
    const latest = await this.latest();
    if (latest) return this.copies(latest.id);
    throw new BackupError('BACKUP_NOT_FOUND', {
      problem: `There is no good backup in ${this.storages.location}`,
      advice: 'make one with createBackup()',
    });
  }

  /**
   * The newest good one by its date. What is dated in the future was made by a clock that went wrong, nobody knows
   * when: it is the latest only where there is no other.
   */
  private async latest(): Promise<Backup | undefined> {
    const now = this.options.clock.now();
    const good = await this.list({ status: 'good' });
    return good.find((backup) => timeOf(backup) <= now) ?? good[0];
  }

  /** All storages, by what they have of a backup that one of them has at least. */
  async places(id: string): Promise<readonly BackupPlace[]> {
    const sights = await this.sights(id);
    return sights.map((sight) => ({ ...sight, open: () => this.restorable(sight) }));
  }

  /** The first of the good copies. */
  async find(ref: string): Promise<RestorableBackup> {
    return (await this.copies(ref))[0]!;
  }

  /**
   * Removes a backup, good or damaged, from all storages, the primary first; never what isn't one.
   *
   * @param from the only storages to remove it from, by their indexes
   * @throws BackupError STORAGE_UNUSABLE when one can't be asked: it is gone from the others then
   */
  async delete(id: string, from?: ReadonlySet<number>): Promise<void> {
    const sights = await this.sights(id);
    if (!['good', 'damaged'].includes(best(sights).status))
      throw new BackupError('BACKUP_NOT_FOUND', {
        problem: `${shown(id)} in ${this.storages.location} is no backup of this package`,
        advice: 'remove it by hand',
      });
    const failures: unknown[] = [];
    let removed = 0;
    for (const [index, { storage, status, error }] of sights.entries()) {
      if ((from && !from.has(index)) || status === 'foreign' || status === 'newer') continue;
      const failure = error ?? (await failureOf(storage.delete(id)));
      if (failure === undefined) removed++;
      // What seems to be missing was perhaps a copy in the making.
      else if (status !== 'missing') failures.push(failure);
    }
    const serious = failures.find((failure) => !isNotFound(failure));
    // Nothing removed and nothing serious: somebody else was quicker.
    if (serious !== undefined || removed === 0) throw serious ?? failures[0] ?? this.notFound(id);
  }

  /** What each storage has under an id, which one of them has at least. */
  private async sights(id: string): Promise<readonly Sight[]> {
    checkedBackupId(id);
    const sights = await Promise.all(this.storages.all.map((storage) => look(storage, id)));
    if (sights.some(({ status }) => status !== 'missing' && status !== 'unknown')) return sights;
    throw sights.find(({ error }) => error)?.error ?? this.notFound(id);
  }

  private async shelves(): Promise<readonly Shelf[]> {
    const asked = await Promise.allSettled(
      this.storages.all.map((storage) => inTime(storage, storage.list())),
    );
    const shelves = asked.map((answer, index): Shelf => {
      const storage = this.storages.all[index]!;
      if (answer.status === 'fulfilled') return { storage, names: new Set(answer.value) };
      if (!(answer.reason instanceof BackupError)) throw answer.reason;
      return { storage, names: new Set(), error: answer.reason };
    });
    if (shelves.every(({ error }) => error)) throw shelves[0]!.error;
    return shelves;
  }

  private goodOnes(sights: readonly Sight[]): readonly RestorableBackup[] {
    const first = best(sights);
    const { sha256 } = this.restorable(first).manifest.archive;
    return sights
      .filter(({ status, manifest }) => status === 'good' && manifest?.archive.sha256 === sha256)
      .map((sight) => this.restorable(sight));
  }

  private async restorableAt(path: string): Promise<RestorableBackup> {
    const stored = await this.openAt(path);
    return this.restorable({ stored, location: stored.location, ...(await examine(stored)) });
  }

  private restorable({
    stored,
    status,
    location,
    problem,
    manifest,
  }: Omit<Sight, 'storage'>): RestorableBackup {
    if (status !== 'good' || !manifest || !stored)
      throw new BackupError(REFUSALS[status], {
        problem: `${location} holds no good backup: ${problem}`,
        advice: 'listBackups() tells which are good',
      });
    const { encryption } = manifest.archive;
    return { stored, manifest, key: async () => encryption && this.keys.of(encryption) };
  }

  private notFound(id: string): BackupError {
    return new BackupError('BACKUP_NOT_FOUND', {
      problem: `There is no backup ${id} in ${this.storages.location}`,
      advice: 'listBackups() gives those there are',
    });
  }
}

/** @throws BackupError INVALID_OPTIONS for what would find nothing, whatever there is */
function checkFilter(filter: BackupFilter): void {
  refuseUnknown('filter of listBackups', filter, FILTERS);
  const { status, database, label } = filter;
  if (status !== undefined && !STATUSES.includes(status))
    throw invalidOption(`The status is ${shown(status)}`, "'good', 'damaged' or 'foreign'");
  if (database !== undefined && database !== '*') checkDatabaseName(database, 'database');
  if (label !== undefined) checkShortText('label', label);
}

const STATUSES: readonly unknown[] = ['good', 'damaged', 'foreign'] satisfies BackupStatus[];
const FILTERS = ['status', 'database', 'label'] as const satisfies (keyof BackupFilter)[];

/** What lies in one storage. */
interface Shelf {
  readonly storage: BackupStorage;
  readonly names: ReadonlySet<string>;
  /** Why that isn't known. */
  readonly error?: BackupError;
}

async function lookOn({ storage, names, error }: Shelf, name: string): Promise<Sight> {
  if (error) return unknown(storage, name, error);
  return names.has(name) ? look(storage, name) : missing(storage, name);
}

/** False for what was deleted while it was looked at. */
function isThere(sights: readonly Sight[], shelves: readonly Shelf[]): boolean {
  return sights.some(({ status }, index) => status !== 'missing' && !shelves[index]!.error);
}

/** Why something that was found can't be restored. */
const REFUSALS = {
  good: 'BACKUP_DAMAGED',
  damaged: 'BACKUP_DAMAGED',
  newer: 'BACKUP_UNSUPPORTED',
  foreign: 'BACKUP_NOT_FOUND',
  missing: 'BACKUP_NOT_FOUND',
  unknown: 'STORAGE_UNUSABLE',
} as const;

function timeOf({ createdAt }: Backup): number {
  return createdAt?.getTime() ?? -Infinity;
}

async function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (failure: unknown) => failure,
  );
}

function isNotFound(error: unknown): boolean {
  return error instanceof BackupError && error.code === 'BACKUP_NOT_FOUND';
}
