import { randomBytes } from 'node:crypto';
import { shown } from '../errors.js';
import { BackupError } from './backup.errors.js';

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function isBackupId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** True for an id of the shape that this package makes: what is called so was a backup once. */
export function isMadeId(value: string): boolean {
  return /^\d{8}T\d{9}Z-[0-9a-f]{8}$/.test(value);
}

/** @throws BackupError INVALID_BACKUP_ID for anything else than a plain name */
export function checkedBackupId(value: unknown): string {
  if (isBackupId(value)) return value;
  throw new BackupError('INVALID_BACKUP_ID', {
    problem: `${shown(value)} is not a backup id`,
    expected: 'up to 128 letters, digits, dots, dashes and underscores, the first a letter or a digit',
    advice: 'listBackups() gives the ids',
  });
}

/** How far a clock may be set back and ids still sort in the order they were made. */
const SET_BACK_MS = 5 * 60_000;

/**
 * Makes ids such as `20260314T020000123Z-9f3ac1d0`: by name they sort in the order they were made, by this process
 * strictly, and two processes never make the same one. Only where the clock is set back by more than some minutes, it
 * is believed that it was wrong before: else all that is made from now on would bear that wrong time.
 */
export class BackupIds {
  private last = 0;

  next(now: number): string {
    const time = Math.trunc(now);
    this.last = time < this.last - SET_BACK_MS ? time : Math.max(time, this.last + 1);
    const name = new Date(this.last).toISOString().replaceAll(/[-:.]/g, '');
    return `${name}-${randomBytes(4).toString('hex')}`;
  }
}
