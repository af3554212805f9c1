import { lstat, open, rename, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { BackupError } from '../backup.errors.js';
import { MANIFEST_NAME } from '../manifest.js';
import { BackupDraft, type StoredBackup } from './backup-storage.js';
import { DiskStoredBackup } from './disk.stored-backup.js';
import { onDisk, orUndefined, storageError } from './disk-errors.js';

/** How often a draft says that it is alive, to those who can't look at its process. */
const HEARTBEAT_MS = 20_000;

/** A hidden folder that becomes the backup's by one rename, once all in it is written and flushed. */
export class DiskDraft extends BackupDraft {
  private readonly heartbeat: NodeJS.Timeout;

  /**
   * @param folder made already, of this draft alone
   * @param destination the backup's own folder
   */
  constructor(
    private readonly folder: string,
    private readonly destination: string,
  ) {
    super();
    this.heartbeat = setInterval(() => {
      const now = new Date();
      utimes(folder, now, now).catch(() => undefined);
    }, HEARTBEAT_MS).unref();
  }

  async write(name: string, content: Readable | string): Promise<void> {
    const path = join(this.folder, name);
    const temporary = `${path}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await writeFile(file, content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await flush(this.folder);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      // What the content itself failed with is not the storage's.
      throw isSystemError(error) ? storageError(error, this.destination) : error;
    }
  }

  async commit(manifest: string): Promise<StoredBackup> {
    await this.write(MANIFEST_NAME, manifest);
    await onDisk(this.destination, async () => {
      if (await lstat(this.destination).catch(orUndefined))
        throw new BackupError('STORAGE_UNUSABLE', { problem: `Something is already at ${this.destination}` });
      await rename(this.folder, this.destination);
      try {
        await flush(dirname(this.destination));
      } catch (error) {
        await rename(this.destination, this.folder);
        throw error;
      }
    });
    clearInterval(this.heartbeat);
    return new DiskStoredBackup(this.destination);
  }

  async discard(): Promise<void> {
    clearInterval(this.heartbeat);
    await onDisk(this.destination, () => rm(this.folder, { recursive: true, force: true }));
  }
}

/** Makes names in a folder survive a loss of power. */
export async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
