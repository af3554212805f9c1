import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { shown } from '../../errors.js';
import { BackupError } from '../backup.errors.js';
import { MANIFEST_NAME } from '../manifest.js';
import { StoredBackup } from './backup-storage.js';
import { onDisk, orUndefined } from './disk-errors.js';
import { damaged, manifestText } from './manifest-text.js';

/** A folder with a manifest and an archive. Symbolic links are refused, so nothing outside the folder is read. */
export class DiskStoredBackup extends StoredBackup {
  constructor(readonly location: string) {
    super();
  }

  async manifest(): Promise<string | undefined> {
    const bytes = await this.size(MANIFEST_NAME);
    return bytes === undefined ? undefined : manifestText(this, bytes, await this.read(MANIFEST_NAME));
  }

  async size(name: string): Promise<number | undefined> {
    return onDisk(this.location, async () => {
      const found = await lstat(join(this.location, name)).catch(orUndefined);
      if (found && !found.isFile()) throw damaged(this, `its ${name} is no file`);
      return found?.size;
    });
  }

  async read(name: string): Promise<Readable> {
    return onDisk(this.location, async () => {
      if ((await this.size(name)) === undefined) throw damaged(this, `it has no ${name}`);
      const file = await open(join(this.location, name), constants.O_RDONLY | constants.O_NOFOLLOW);
      return file.createReadStream({ highWaterMark: 256 * 1024 });
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
