import { Inject, Injectable } from '@nestjs/common';
import { shown } from '../errors.js';
import { type Backup, type BackupStatus, describeBackup } from './backup.js';
import { BackupError } from './backup.errors.js';
import { checkedBackupId, isBackupId, isMadeId } from './backup-id.js';
import { refuseUnknown } from './backup.options.js';
import { type Manifest, type ManifestReading, readManifest } from './manifest.js';
import { EncryptionKeys } from './encryption/encryption-keys.js';
import type { NamedKey } from './encryption/seal.js';
import { BackupStorage, type StoredBackup } from './storage/backup-storage.js';

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

/** How a backup is found by its path. */
export type OpenBackupAt = (path: string) => Promise<StoredBackup>;
export const OPEN_BACKUP_AT = Symbol('OPEN_BACKUP_AT');

/** Enough to hide the latency of a storage, few enough for its limits. */
const AT_ONCE = 16;

/** What there is: backups by their manifests, damaged ones, and what others put in the same place. */
@Injectable()
export class BackupCatalogue {
  constructor(
    private readonly storage: BackupStorage,
    @Inject(OPEN_BACKUP_AT) private readonly openAt: OpenBackupAt,
    private readonly keys: EncryptionKeys,
  ) {}

  /** Newest first; what has no time last, by name. */
  async list(filter: BackupFilter = {}): Promise<Backup[]> {
    refuseUnknown('filter of listBackups', filter, FILTERS);
    const names = [...(await this.storage.list())].sort();
    const found: Backup[] = [];
    for (let at = 0; at < names.length; at += AT_ONCE)
      found.push(...(await Promise.all(names.slice(at, at + AT_ONCE).map((name) => this.look(name)))));
    const there = await Promise.all(found.map((backup) => this.isStillThere(backup)));
    return found
      .filter((_, index) => there[index])
      .filter((backup) => FILTERS.every((key) => filter[key] === undefined || backup[key] === filter[key]))
      .sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? 1 : -1));
  }

  /** @throws BackupError INVALID_BACKUP_ID, BACKUP_NOT_FOUND */
  async get(id: string): Promise<Backup> {
    await this.storage.open(checkedBackupId(id)).catch(unlessMissing);
    return this.look(id);
  }

  /**
   * @param ref an id, `'latest'` for the newest good one, or with a separator in it a path
   * @throws BackupError INVALID_BACKUP_ID, BACKUP_NOT_FOUND, BACKUP_DAMAGED, BACKUP_UNSUPPORTED
   */
  async find(ref: string): Promise<RestorableBackup> {
    if (typeof ref === 'string' && /[/\\]/.test(ref)) return this.restorable(await this.openAt(ref));
    if (ref !== 'latest') return this.restorable(await this.storage.open(checkedBackupId(ref)), ref);
    const [latest] = await this.list({ status: 'good' });
    if (latest) return this.find(latest.id);
    throw new BackupError('BACKUP_NOT_FOUND', {
      problem: `There is no good backup in ${this.storage.location}`,
      advice: 'make one with createBackup()',
    });
  }

  /** Removes a backup, good or damaged; never what isn't one. */
  async delete(id: string): Promise<void> {
    const { status } = await this.get(id);
    if (status === 'foreign')
      throw new BackupError('BACKUP_NOT_FOUND', {
        problem: `${shown(id)} in ${this.storage.location} is no backup of this package`,
        advice: 'remove it by hand',
      });
    await this.storage.delete(id);
  }

  /** False for what was deleted while it was looked at, and so seemed to lack something. */
  private async isStillThere({ id, status }: Backup): Promise<boolean> {
    if (status === 'good' || !isBackupId(id)) return true;
    return this.storage.open(id).then(
      () => true,
      (error: unknown) => !(error instanceof BackupError && error.code === 'BACKUP_NOT_FOUND'),
    );
  }

  private async restorable(stored: StoredBackup, name?: string): Promise<RestorableBackup> {
    const { status, problem, manifest } = await examine(stored, name);
    if (status !== 'good' || !manifest)
      throw new BackupError(REFUSALS[status], {
        problem: `${stored.location} holds no good backup: ${problem}`,
        advice: 'listBackups() tells which are good',
      });
    const { encryption } = manifest.archive;
    return { stored, manifest, key: async () => encryption && this.keys.of(encryption) };
  }

  private async look(name: string): Promise<Backup> {
    const location = `${this.storage.location}/${name}`;
    if (!isBackupId(name))
      return { id: name, status: 'foreign', location, problem: 'its name is no backup id' };
    try {
      const stored = await this.storage.open(name);
      const { manifest, status, ...found } = await examine(stored, name);
      return {
        ...(manifest && describeBackup(manifest, stored.location)),
        id: name,
        status: status === 'newer' ? 'foreign' : status,
        location: stored.location,
        ...found,
      };
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      return { id: name, status: 'foreign', location, problem: error.message };
    }
  }
}

const FILTERS = ['status', 'database', 'label'] as const satisfies (keyof BackupFilter)[];

interface Finding {
  readonly status: BackupStatus | 'newer';
  readonly problem?: string;
  readonly manifest?: Manifest;
}

/** @param name under which it was found; absent: anywhere */
async function examine(stored: StoredBackup, name?: string): Promise<Finding> {
  const text = await stored.manifest();
  if (text === undefined) return { status: 'foreign', problem: 'it has no manifest' };
  const reading = readManifest(text);
  if (reading.status !== 'good') return { ...reading, status: statusOf(reading.status, name) };
  const { manifest } = reading;
  if (name !== undefined && manifest.id !== name)
    return { status: 'foreign', problem: `its manifest is that of ${manifest.id}` };
  const { file, bytes } = manifest.archive;
  const size = await stored.size(file);
  if (size === bytes) return reading;
  const problem =
    size === undefined ? `its ${file} is missing` : `its ${file} has ${size} bytes instead of ${bytes}`;
  return { status: 'damaged', problem, manifest };
}

function statusOf(found: Exclude<ManifestReading['status'], 'good'>, name?: string): Finding['status'] {
  if (found === 'unreadable') return name === undefined || isMadeId(name) ? 'damaged' : 'foreign';
  return found;
}

/** Why something that was found can't be restored. */
const REFUSALS = {
  good: 'BACKUP_DAMAGED',
  damaged: 'BACKUP_DAMAGED',
  newer: 'BACKUP_UNSUPPORTED',
  foreign: 'BACKUP_NOT_FOUND',
} as const;

function timeOf({ createdAt }: Backup): number {
  return createdAt?.getTime() ?? -Infinity;
}

/** Only that there is nothing of that name matters here; what it is will be told by looking at it. */
function unlessMissing(error: unknown): void {
  if (error instanceof BackupError && error.code !== 'BACKUP_NOT_FOUND') return;
  throw error;
}
