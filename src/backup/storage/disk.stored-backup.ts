import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { shown } from '../../errors.js';
import { BackupError } from '../backup.errors.js';
import { MANIFEST_NAME } from '../manifest.js';
import { StoredBackup } from './backup-storage.js';
import { onDisk, orUndefined } from './disk-errors.js';

/** More than the manifest of 100,000 collections. */
const LARGEST_MANIFEST = 64 * 1024 * 1024;

/** A folder with a manifest and an archive. Symbolic links are refused, so nothing outside the folder is read. */
export class DiskStoredBackup extends StoredBackup {
  constructor(readonly location: string) {
    super();
  }

  async manifest(): Promise<string | undefined> {
    const size = await this.size(MANIFEST_NAME);
    if (size === undefined) return undefined;
    if (size > LARGEST_MANIFEST) throw this.damaged(`its manifest has ${size} bytes`);
    const content: Buffer[] = await (await this.read(MANIFEST_NAME)).toArray();
    return Buffer.concat(content).toString('utf8');
  }

  async size(name: string): Promise<number | undefined> {
    return onDisk(this.location, async () => {
      const found = await lstat(join(this.location, name)).catch(orUndefined);
      if (found && !found.isFile()) throw this.damaged(`its ${name} is no file`);
      return found?.size;
    });
  }

  async read(name: string): Promise<Readable> {
    return onDisk(this.location, async () => {
      if ((await this.size(name)) === undefined) throw this.damaged(`it has no ${name}`);
      const file = await open(join(this.location, name), constants.O_RDONLY | constants.O_NOFOLLOW);
      return file.createReadStream({ highWaterMark: 256 * 1024 });
    });
  }

  private damaged(problem: string): BackupError {
    return new BackupError('BACKUP_DAMAGED', {
      problem: `The backup at ${this.location} is damaged: ${problem}`,
    });
  }
}

/**
 * A backup by its path: the folder that holds the manifest, or the manifest itself.
 *
 * @throws BackupError BACKUP_NOT_FOUND, STORAGE_UNUSABLE
 */
export async function openBackupAt(path: string): Promise<StoredBackup> {
  // Made plain, because `link/` with its slash would be followed.
  const plain = resolve(path);
  const folder = basename(plain) === MANIFEST_NAME ? dirname(plain) : plain;
  const found = path.includes('\0')
    ? undefined
    : await onDisk(folder, () => lstat(folder).catch(orUndefined));
  if (!found?.isDirectory())
    throw new BackupError('BACKUP_NOT_FOUND', {
      problem: `There is no backup at ${shown(path)}`,
      expected: `a folder that holds a ${MANIFEST_NAME}, or that file; no symbolic link`,
    });
  return new DiskStoredBackup(folder);
}
