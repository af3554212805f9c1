import type { Readable } from 'node:stream';
import { BackupError } from '../backup.errors.js';
import type { StoredBackup } from './backup-storage.js';

/** More than the manifest of 100,000 collections. */
const LARGEST_MANIFEST = 64 * 1024 * 1024;

/** @throws BackupError BACKUP_DAMAGED for what is too large to be one */
export async function manifestText(stored: StoredBackup, bytes: number, content: Readable): Promise<string> {
  if (bytes > LARGEST_MANIFEST) {
    content.destroy();
    throw damaged(stored, `its manifest has ${bytes} bytes`);
  }
  const chunks: Buffer[] = await content.toArray();
  return Buffer.concat(chunks).toString('utf8');
}

export function damaged({ location }: StoredBackup, problem: string): BackupError {
  return new BackupError('BACKUP_DAMAGED', {
    problem: `The backup at ${location} is damaged: ${problem}`,
  });
}
