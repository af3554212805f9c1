import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm, rmdir, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '../backup.errors.js';
import { OWNER_MARK, ownerMark, ownerState } from '../process-owner.js';
import { type BackupDraft, BackupStorage, type StoredBackup } from './backup-storage.js';
import { DiskDraft, flush } from './disk.draft.js';
import { DiskStoredBackup } from './disk.stored-backup.js';
import { isMissing, onDisk, orUndefined } from './disk-errors.js';

/** `.draft~ID~OWNER`: hidden, and its name says whose it is. */
const DRAFT = new RegExp(`^\\.draft~([^~]+)~(${OWNER_MARK})$`);
/** `.deleted~ID~RANDOM`: no backup any more. Anyone may finish it. */
const DELETED = /^\.deleted~([^~]+)~[0-9a-f]+$/;
/** The names of the files of a backup, finished or not. */
const OURS = /^(manifest\.json|archive(\.[a-z0-9]+)*)(\.tmp)?$/;
/** A draft of another host that has not shown a sign of life for so long is given up. */
const GIVEN_UP_AFTER_MS = 10 * 60_000;

/**
 * Backups in a directory, a folder each: folders 0700, files 0600. A draft is a hidden folder beside them that
 * becomes visible by one rename. Killed processes leave drafts behind; whether the owner of a draft lives is told by
 * its process on this machine and by the folder's time of change for others. Should a draft be given up while its
 * owner was only frozen, the owner's commit fails: nothing half is ever seen.
 */
export class DiskStorage extends BackupStorage {
  constructor(readonly location: string) {
    super();
  }

  async begin(id: string): Promise<BackupDraft> {
    const folder = this.path(`.draft~${id}~${ownerMark()}`);
    await onDisk(this.location, async () => {
      await mkdir(this.location, { recursive: true, mode: 0o700 });
      await mkdir(folder, { mode: 0o700 });
    });
    return new DiskDraft(folder, this.path(id));
  }

  async list(): Promise<readonly string[]> {
    return (await this.names()).filter((name) => !name.startsWith('.'));
  }

  async open(id: string): Promise<StoredBackup> {
    const found = await onDisk(this.location, () => lstat(this.path(id)).catch(orUndefined));
    if (!found) throw this.notFound(id);
    if (!found.isDirectory())
      throw new BackupError('BACKUP_DAMAGED', {
        problem: `${this.path(id)} is no backup`,
        expected: 'a folder; symbolic links are not followed',
      });
    return new DiskStoredBackup(this.path(id));
  }

  async delete(id: string): Promise<void> {
    const grave = this.grave(id);
    await onDisk(this.location, async () => {
      const found = await lstat(this.path(id)).catch(orUndefined);
      if (!found?.isDirectory()) throw this.notFound(id);
      await rename(this.path(id), grave).catch((error: unknown) => {
        // Somebody else was quicker.
        throw isMissing(error) ? this.notFound(id) : error;
      });
      await flush(this.location);
      await this.empty(grave, id);
    });
  }

  async removeLeftovers(): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const name of await this.names()) {
      const [, deleted] = DELETED.exec(name) ?? [];
      const [, draft, owner] = DRAFT.exec(name) ?? [];
      if (deleted) await onDisk(this.location, () => this.empty(this.path(name), deleted));
      else if (draft && (await this.isOver(name, owner!))) await this.giveUp(name, draft);
      else continue;
      removed.push(name);
    }
    return removed;
  }

  override async freeBytes(): Promise<number | undefined> {
    await onDisk(this.location, () => mkdir(this.location, { recursive: true, mode: 0o700 }));
    const { bavail, bsize } = await onDisk(this.location, () => statfs(this.location));
    return bavail * bsize;
  }

  /** First out of its owner's reach, so that it can't be committed while it is being removed. */
  private async giveUp(name: string, id: string): Promise<void> {
    const grave = this.grave(id);
    await onDisk(this.location, async () => {
      await rename(this.path(name), grave);
      await rm(grave, { recursive: true, force: true });
    });
  }

  private async isOver(name: string, owner: string): Promise<boolean> {
    const state = ownerState(owner);
    if (state !== 'elsewhere') return state === 'dead';
    const found = await onDisk(this.location, () => lstat(this.path(name)).catch(orUndefined));
    return found !== undefined && Date.now() - found.mtimeMs > GIVEN_UP_AFTER_MS;
  }

  /**
   * Only what is ours goes: a file that somebody put beside stays, under the old name. Another process may be at it
   * too, and be done first.
   */
  private async empty(grave: string, id: string): Promise<void> {
    for (const name of (await readdir(grave).catch(orUndefined)) ?? [])
      if (OURS.test(name)) await unlink(join(grave, name)).catch(orUndefined);
    await rmdir(grave).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTEMPTY') await rename(grave, this.path(id)).catch(orUndefined);
      else orUndefined(error);
    });
  }

  private async names(): Promise<string[]> {
    return onDisk(this.location, async () => {
      try {
        return await readdir(this.location);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    });
  }

  private grave(id: string): string {
    return this.path(`.deleted~${id}~${randomBytes(4).toString('hex')}`);
  }

  private path(name: string): string {
    return join(this.location, name);
  }

  private notFound(id: string): BackupError {
    return new BackupError('BACKUP_NOT_FOUND', {
      problem: `There is no backup ${id} in ${this.location}`,
      advice: 'listBackups() gives those there are',
    });
  }
}
