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

const FARTHEST_MS = 5 * 366 * 86_400_000;

/**
 * When an expression last fired, up to a moment: the same in every process, so that all mean the same tick.
 *
 * @returns milliseconds since the epoch; undefined when it has not fired for years
 */
export function lastFire(cron: string, timezone: string | undefined, now: number): number | undefined {
  const after = fires(cron, timezone);
  let back = 60_000;
  while (after(now - back) > now) {
    if (back === FARTHEST_MS) return undefined;
    back = Math.min(back * 4, FARTHEST_MS);
  }
  // The last moment after which it still fired: it may have fired thousands of times since the first.
  let [from, to] = [now - back, now];
  while (to - from > 500) {
    const middle = Math.floor((from + to) / 2);
    if (after(middle) <= now) from = middle;
    else to = middle;
  }
  return after(from);
}

/** When an expression fires next after a moment, in milliseconds since the epoch. */
export function nextFire(cron: string, timezone: string | undefined, after: number): number {
  return fires(cron, timezone)(after);
}

function fires(cron: string, timezone: string | undefined): (after: number) => number {
  const time = new CronTime(cron, timezone);
  return (after) => time.getNextDateFrom(new Date(after), timezone).toMillis();
}
