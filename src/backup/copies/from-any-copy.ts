import type { LoggerService } from '@nestjs/common';
import { BackupError } from '../backup.errors.js';

/** What is wrong with one copy and need not be with another. */
const OF_THE_COPY: readonly string[] = ['BACKUP_DAMAGED', 'BACKUP_NOT_FOUND', 'STORAGE_UNUSABLE'];

/**
 * Does work with the first copy that is fit for it.
 *
 * @param work must have changed nothing when it fails because of its copy
 */
export async function fromAnyCopy<Copy, Result>(
  copies: readonly Copy[],
  log: Pick<LoggerService, 'warn'>,
  work: (copy: Copy) => Promise<Result>,
): Promise<Result> {
  for (const copy of copies.slice(0, -1)) {
    try {
      return await work(copy);
    } catch (error) {
      if (!(error instanceof BackupError && OF_THE_COPY.includes(error.code))) throw error;
      log.warn(`A copy of the backup could not be used, the next one is taken. ${error.message}`);
    }
  }
  return work(copies.at(-1)!);
}
