import { BackupError } from '../backup.errors.js';

/** Runs work with a signal that is also aborted, by a BackupError TIMED_OUT, when the time is up. */
export async function withDeadline<T>(
  milliseconds: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(
    () =>
      late.abort(
        new BackupError('TIMED_OUT', {
          problem: `The backup was not done after ${milliseconds / 1_000} seconds and was stopped`,
          advice: 'raise the option timeout, or see why the server is slow',
        }),
      ),
    Math.min(milliseconds, LONGEST_TIMER),
  );
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** The longest that a timer of Node can wait: 24 days. */
export const LONGEST_TIMER = 2 ** 31 - 1;
