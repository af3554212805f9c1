import { type Backup, type BackupCopy, type BackupStatus, describeBackup } from './backup.js';
import { BackupError } from './backup.errors.js';
import { isBackupId, isMadeId } from './backup-id.js';
import { type Manifest, type ManifestReading, readManifest } from './manifest.js';
import type { BackupStorage, StoredBackup } from './storage/backup-storage.js';

/**
 * - `newer`: ours, of a format that came later;
 * - `missing`: there is nothing of that name;
 * - `unknown`: the storage can't be asked.
 */
export type SightStatus = BackupStatus | 'newer' | 'missing' | 'unknown';

/** What one storage has under a name. */
export interface Sight {
  readonly storage: BackupStorage;
  readonly location: string;
  readonly status: SightStatus;
  readonly problem?: string;
  readonly manifest?: Manifest;
  readonly stored?: StoredBackup;
  /** Why it is `unknown`. */
  readonly error?: BackupError;
}

const PATIENCE_MS = 60_000;

/** From the best to the worst: the first of them is what a backup is, whatever others have. */
const RANKS: readonly SightStatus[] = ['good', 'damaged', 'newer', 'foreign', 'unknown', 'missing'];

export async function look(storage: BackupStorage, name: string): Promise<Sight> {
  const location = `${storage.location}/${name}`;
  if (!isBackupId(name)) return { storage, location, status: 'foreign', problem: 'its name is no backup id' };
  try {
    return await inTime(storage, lookInto(storage, name));
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    if (error.code === 'BACKUP_NOT_FOUND') return missing(storage, name);
    if (error.code.startsWith('STORAGE_')) return unknown(storage, name, error);
    return { storage, location, status: 'foreign', problem: error.message };
  }
}

async function lookInto(storage: BackupStorage, name: string): Promise<Sight> {
  const stored = await storage.open(name);
  // What is deleted while it is looked at seems to lack something, or can't be read.
  const found = await examine(stored, name).catch(async (error: unknown) => {
    await storage.open(name);
    throw error;
  });
  if (found.status !== 'good') await storage.open(name);
  return { storage, location: stored.location, stored, ...found };
}

/** @throws BackupError STORAGE_UNUSABLE when a storage doesn't answer: what waits for it may be another's backup */
export async function inTime<T>({ location }: BackupStorage, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const problem = `The backup storage at ${location} did not answer within ${PATIENCE_MS / 1_000} seconds`;
      reject(new BackupError('STORAGE_UNUSABLE', { problem }));
    }, PATIENCE_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

export function missing(storage: BackupStorage, name: string): Sight {
  return { storage, location: `${storage.location}/${name}`, status: 'missing' };
}

export function unknown(storage: BackupStorage, name: string, error: BackupError): Sight {
  const location = `${storage.location}/${name}`;
  return { storage, location, status: 'unknown', problem: error.message, error };
}

/** The first of the best. */
export function best(sights: readonly Sight[]): Sight {
  return sights.toSorted((a, b) => RANKS.indexOf(a.status) - RANKS.indexOf(b.status))[0]!;
}

/** One backup, by what each storage has under its name. */
export function backupOf(name: string, sights: readonly Sight[]): Backup {
  const { manifest, status, location, problem } = best(sights);
  const isOurs = status === 'good' || status === 'damaged';
  return {
    ...(manifest && describeBackup(manifest, location)),
    id: name,
    status: isOurs ? status : 'foreign',
    location,
    ...(problem === undefined ? {} : { problem }),
    ...(isOurs && sights.length > 1 ? { copies: sights.map((sight) => copyOf(sight, manifest)) } : {}),
  };
}

function copyOf({ location, status, problem, manifest }: Sight, first: Manifest | undefined): BackupCopy {
  if (status === 'good' && manifest?.archive.sha256 !== first?.archive.sha256)
    return { location, status: 'foreign', problem: 'it is another backup of the same id' };
  return {
    location,
    status: status === 'newer' ? 'foreign' : status,
    ...(problem === undefined ? {} : { problem }),
  };
}

interface Finding {
  readonly status: BackupStatus | 'newer';
  readonly problem?: string;
  readonly manifest?: Manifest;
}

/** @param name under which it was found; absent: anywhere */
export async function examine(stored: StoredBackup, name?: string): Promise<Finding> {
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
