import { BackupError } from '../backup.errors.js';

const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** An error of the file system as one of ours. */
export function storageError(error: unknown, path: string): BackupError {
  if (error instanceof BackupError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && FULL.includes(code))
    return new BackupError('STORAGE_FULL', {
      problem: `There is no room for the backup at ${path} (${code})`,
      advice: 'free space, raise the quota or the limit of file sizes, or keep fewer backups',
      cause: error,
    });
  return new BackupError('STORAGE_UNUSABLE', {
    problem: `The backup storage at ${path} can't be used (${code ?? message})`,
    expected: 'a directory that this user may read and write',
    advice: 'set BACKUP_DIR or the option directory to one',
    cause: error,
  });
}

/** Runs an operation on the file system and gives its errors as ours. */
export async function onDisk<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw storageError(error, path);
  }
}

export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

export function orUndefined(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
