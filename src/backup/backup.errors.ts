import { type ErrorStory, FloraError } from '../errors.js';

/** What can be wrong with a backup, its making or its restore. Stable: programs may tell errors apart by it. */
export type BackupErrorCode =
  /** An option of the module or of a call is unknown, or its value can't be used. */
  | 'INVALID_OPTIONS'
  /** A string that is no backup id. */
  | 'INVALID_BACKUP_ID'
  /** A cron expression or time zone that can't be used. */
  | 'INVALID_SCHEDULE'
  /** A retention policy that is empty or not made of positive numbers. */
  | 'INVALID_RETENTION'
  /** There is no backup of that id, at that path, or none that is good. */
  | 'BACKUP_NOT_FOUND'
  /** Its bytes, its manifest or its archive are not what was stored. */
  | 'BACKUP_DAMAGED'
  /** Made by a newer version of this package, or with a codec that this Node doesn't have. */
  | 'BACKUP_UNSUPPORTED'
  /** The backup is encrypted with a key that was not given. */
  | 'KEY_NOT_FOUND'
  /** A key has the id of the one that the backup was encrypted with, and is another. */
  | 'KEY_WRONG'
  /** An encryption key can't be read, or is no key. */
  | 'KEY_INVALID'
  /** The server has no such database, or it holds no collection. */
  | 'DATABASE_NOT_FOUND'
  /** The database, or the backup, has no such collection. */
  | 'COLLECTION_NOT_FOUND'
  /** The server is no member of a replica set and so keeps no log, or the engine can't capture it. */
  | 'OPLOG_UNAVAILABLE'
  /** The dump ended well but not everything that was there is in it. */
  | 'BACKUP_INCOMPLETE'
  /** Bytes that are no complete mongodump archive. */
  | 'ARCHIVE_INVALID'
  /** Stopped by the caller's signal or by the shutdown of the application. */
  | 'ABORTED'
  /** The function `before` of the option `hooks` did not let the backup be made. */
  | 'HOOK_FAILED'
  /** Took longer than the option `timeout` allows. */
  | 'TIMED_OUT'
  /** mongodump or mongorestore isn't where it is looked for. */
  | 'TOOL_NOT_FOUND'
  | 'TOOL_TOO_OLD'
  /** mongodump or mongorestore failed for a reason that has no code of its own. */
  | 'TOOL_FAILED'
  /** The thread, or the program, that packs or unpacks the archive failed. */
  | 'PIPELINE_FAILED'
  | 'SERVER_UNREACHABLE'
  | 'AUTHENTICATION_FAILED'
  /** The user lacks a right on the server. */
  | 'NOT_AUTHORIZED'
  /** The server refused a command for a reason that has no code of its own. */
  | 'SERVER_FAILED'
  /** The server is older than the one the backup was made from. */
  | 'SERVER_TOO_OLD'
  /** No room, or a size limit or quota was met. */
  | 'STORAGE_FULL'
  /** The directory is a file, read-only, or of another user. */
  | 'STORAGE_UNUSABLE'
  /** What would be restored is there already, and `force` was not given. */
  | 'TARGET_NOT_EMPTY'
  /** The restore as asked for can't be done rightly. */
  | 'RESTORE_REFUSED'
  /** What the server holds after loading isn't what the backup holds. */
  | 'RESTORE_MISMATCH'
  /** Some collections were replaced, others not; the next restore, backup or start ends it. */
  | 'SWAP_FAILED'
  /** Another process is at it. */
  | 'LOCKED'
  /** This process did not move for too long, and another may have taken over. */
  | 'LOCK_LOST'
  /** The place of the locks can't be asked. */
  | 'LOCK_UNAVAILABLE';

/** Every error of the backup module. */
export class BackupError extends FloraError<BackupErrorCode> {}

/** Thrown by a restore without `force` when something is in its place. Nothing was touched. */
export class TargetNotEmptyError extends BackupError {
  /** @param namespaces what is there, as `database.collection` */
  constructor(readonly namespaces: readonly string[]) {
    super('TARGET_NOT_EMPTY', {
      problem: `The target isn't empty: ${list(namespaces)}`,
      expected: 'a target that holds none of what is restored',
      advice: 'restore to another database with `to`, or pass `force: true` to replace what is there',
    });
  }
}

/** Thrown when a restore failed after the first collection was put in its place. */
export class SwapFailedError extends BackupError {
  /**
   * @param swapped what is in place as the backup has it, as `database.collection`
   * @param pending what is still as it was before
   */
  constructor(
    readonly swapped: readonly string[],
    readonly pending: readonly string[],
    cause: unknown,
  ) {
    super('SWAP_FAILED', {
      problem: `The restore stopped between collections. Replaced: ${list(swapped)}. Not yet, or not surely: ${list(pending)}.${cause instanceof BackupError ? ` ${cause.message}` : ''}`,
      advice: 'the next restore, backup or start ends it: see to what stood in its way, and restore again',
      cause,
    });
  }
}

/** Names in a message: the first few, and how many more there are. */
export function list(names: readonly string[], shown = 8): string {
  if (names.length === 0) return 'none';
  const more = names.length - shown;
  return names.slice(0, shown).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Says that an option can't be used. */
export function invalidOption(problem: string, expected: string, advice?: string): BackupError {
  const story: ErrorStory = { problem, expected };
  return new BackupError('INVALID_OPTIONS', advice ? { ...story, advice } : story);
}
