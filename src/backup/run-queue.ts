import { once } from 'node:events';
import { BackupError } from './backup.errors.js';

/**
 * Lets one backup or restore run at a time in this process, the others in the order they were asked for: two at once
 * are slower than one after the other, and a dump must not see a restore half done. At shutdown what runs is stopped
 * and what waits is refused.
 */
export class RunQueue {
  private last: Promise<unknown> = Promise.resolve();
  private readonly running = new Set<AbortController>();
  private closed = false;

  /**
   * @param signal the caller's
   * @param work gets a signal that is aborted, with the error to throw, by the caller's signal and by `close`
   * @throws BackupError ABORTED
   */
  async run<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const abort = (): void => stop.abort(aborted('the signal it was given'));
    if (signal?.aborted) abort();
    if (this.closed) stop.abort(aborted('the shutdown of the application'));
    signal?.addEventListener('abort', abort, { once: true });
    this.running.add(stop);
    const before = this.last;
    const turn = unlessAborted(before, stop.signal).then(() => work(stop.signal));
    this.last = Promise.allSettled([before, turn]);
    try {
      return await turn;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.running.delete(stop);
    }
  }

  /** Stops what runs and waits until it has cleaned up. From now on everything is refused. */
  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.running) stop.abort(aborted('the shutdown of the application'));
    await this.last;
  }
}

async function unlessAborted(before: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const over = new AbortController();
  const stopped = once(signal, 'abort', { signal: over.signal });
  stopped.catch(() => undefined);
  await Promise.race([before, stopped]).finally(() => over.abort());
  signal.throwIfAborted();
}

/** What work is stopped with. @param by what stopped it */
export function aborted(by: string): BackupError {
  return new BackupError('ABORTED', { problem: `It was stopped by ${by}; nothing was changed` });
}
