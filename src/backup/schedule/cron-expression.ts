import { CronTime } from 'cron';
import { shown } from '../../errors.js';
import { BackupError } from '../backup.errors.js';

/** @throws BackupError INVALID_SCHEDULE for a cron expression or a time zone that can't be used */
export function checkSchedule(cron: string, timezone?: string): void {
  if (typeof cron !== 'string' || !everFires(cron))
    throw new BackupError('INVALID_SCHEDULE', {
      problem: `${shown(cron)} is not a cron expression that ever fires`,
      expected: "five fields such as '0 2 * * *' (every day at 02:00), or six with seconds first",
    });
  try {
    Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    throw new BackupError('INVALID_SCHEDULE', {
      problem: `${shown(timezone)} is not a time zone`,
      expected: "a name such as 'Europe/Vienna'",
    });
  }
}

function everFires(cron: string): boolean {
  try {
    new CronTime(cron).sendAt();
    return true;
  } catch {
    return false;
  }
}
