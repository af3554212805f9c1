import type { Readable } from 'node:stream';

/**
 * PORT: where backups are kept. A backup is a set of named objects under one id, among them the manifest, which is
 * there only when all the others are there in full.
 *
 * Every failure is a BackupError: STORAGE_FULL, STORAGE_UNUSABLE, BACKUP_NOT_FOUND, BACKUP_DAMAGED (an object that
 * is not what this storage would have made, such as a symbolic link).
 */
export abstract class BackupStorage {
  /** Where this is, for people; without secrets. No two storages of a service have the same. */
  abstract readonly location: string;

  /**
   * Begins a backup that nobody sees before `commit`. Fails when the id is taken.
   *
   * @param purpose `'copy'`: of a backup that is whole elsewhere, so that the same bytes can be had again. What a
   *   storage got of a copy that broke off it may keep, unseen, to go on with at the next attempt, for a day.
   */
  abstract begin(id: string, purpose?: DraftPurpose): Promise<BackupDraft>;

  /** The names of all that could be a backup, foreign things included, drafts excluded. Empty when there is nothing. */
  abstract list(): Promise<readonly string[]>;

  /** What is kept under an id. @throws BackupError BACKUP_NOT_FOUND */
  abstract open(id: string): Promise<StoredBackup>;

  /**
   * Removes a backup, and nothing that isn't part of one. It is gone at once or not at all: a delete that was cut
   * short is finished by `removeLeftovers`. @throws BackupError BACKUP_NOT_FOUND
   */
  abstract delete(id: string): Promise<void>;

  /**
   * Removes drafts of processes that are no more, and finishes their deletes; never a draft that a living process
   * works on, here or on another host. Gives the names of what was removed.
   */
  abstract removeLeftovers(): Promise<readonly string[]>;

  /** Bytes that can still be stored; undefined where that isn't known. */
  freeBytes(): Promise<number | undefined> {
    return Promise.resolve(undefined);
  }
}

export type DraftPurpose = 'new' | 'copy';

/** A backup in the making. Ended by `commit` or by `discard`. */
export abstract class BackupDraft {
  /**
   * Stores an object durably under this name. Rejects when the content ends with an error; nothing stays then.
   *
   * @param signal ends the wait for a storage that is out of reach for now, also once the content has ended
   */
  abstract write(name: string, content: Readable, signal?: AbortSignal): Promise<void>;

  /**
   * Stores the manifest, durably and last, and makes the backup visible. When it rejects there is no backup, once
   * `discard` was done.
   *
   * @param signal ends the wait for a storage that is out of reach for now
   */
  abstract commit(manifest: string, signal?: AbortSignal): Promise<StoredBackup>;

  /** Removes everything of it that isn't to be gone on with. */
  abstract discard(): Promise<void>;
}

/** A backup, or what looks like one, as found in a storage. */
export abstract class StoredBackup {
  /** Where this is, for people; without secrets. */
  abstract readonly location: string;

  /** Text of the manifest; undefined when there is none. */
  abstract manifest(): Promise<string | undefined>;

  /** Bytes of an object; undefined when there is none of that name. */
  abstract size(name: string): Promise<number | undefined>;

  /** Its bytes. @throws BackupError BACKUP_DAMAGED when there is none of that name */
  abstract read(name: string): Promise<Readable>;
}
