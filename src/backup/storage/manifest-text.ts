import { BackupError } from '../backup.errors.js';
import { MANIFEST_NAME } from '../manifest.js';
import type { StoredBackup } from './backup-storage.js';

/** More than the manifest of 100,000 collections. */
const LARGEST_MANIFEST = 64 * 1024 * 1024;

/** Undefined where there is none. @throws BackupError BACKUP_DAMAGED for what is too large to be one */
export async function manifestText(stored: StoredBackup): Promise<string | undefined> {
  const size = await stored.size(MANIFEST_NAME);
  if (size === undefined) return undefined;
  if (size > LARGEST_MANIFEST) throw damaged(stored, `its manifest has ${size} bytes`);
  const content: Buffer[] = await (await stored.read(MANIFEST_NAME)).toArray();
  return Buffer.concat(content).toString('utf8');
}

export function damaged({ location }: StoredBackup, problem: string): BackupError {
  return new BackupError('BACKUP_DAMAGED', {
    problem: `The backup at ${location} is damaged: ${problem}`,
  });
}
