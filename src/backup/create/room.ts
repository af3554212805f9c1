import { BackupError } from '../backup.errors.js';
import type { Codec } from '../compression.js';
import type { Totals } from '../progress.js';
import type { BackupStorage } from '../storage/backup-storage.js';

/** Nothing that applications store compresses to less. */
const LEAST_SHARE = 0.02;

/** An earlier backup of the same, as far as it tells what the next one will need. */
export interface Precedent {
  readonly codec: Codec;
  readonly bytes: number;
  readonly plainBytes: number;
}

/**
 * Bytes that a backup will need at least: so few that one which would fit is never refused. What compression makes
 * of the data is told by the backup before, less a tenth.
 */
export function neededBytes(plainBytes: number, codec: Codec, before: Precedent | undefined): number {
  if (codec === 'none') return plainBytes;
  const isAlike = before?.codec === codec && before.plainBytes > 0;
  const share = isAlike ? (before.bytes / before.plainBytes) * 0.9 : LEAST_SHARE;
  return Math.ceil(plainBytes * share);
}

/**
 * Refuses a backup that can't fit before hours are spent on it.
 *
 * @throws BackupError STORAGE_FULL
 */
export async function checkRoom(
  storage: BackupStorage,
  totals: Totals,
  codec: Codec,
  before: () => Promise<Precedent | undefined>,
): Promise<void> {
  const free = await storage.freeBytes();
  if (free === undefined) return;
  const plainBytes = [...totals.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  if (plainBytes <= free) return;
  const needed = neededBytes(plainBytes, codec, await before());
  if (needed > free) throw noRoom(storage, free, needed);
}

/**
 * The same for a copy, of which the bytes are known.
 *
 * @throws BackupError STORAGE_FULL
 */
export async function checkRoomForCopy(storage: BackupStorage, bytes: number): Promise<void> {
  const free = await storage.freeBytes();
  if (free !== undefined && free < bytes) throw noRoom(storage, free, bytes);
}

function noRoom({ location }: BackupStorage, free: number, needed: number): BackupError {
  return new BackupError('STORAGE_FULL', {
    problem: `There is no room for the backup at ${location}: ${free} bytes are free, it needs at least ${needed}`,
    advice: 'free space, raise the quota, or keep fewer backups',
  });
}
