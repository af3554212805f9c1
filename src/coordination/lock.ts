/**
 * PORT: at most one holder of a name among all processes that share the place the locks are kept in.
 *
 * A lock is held for `ttlMs` at a time and must be renewed before: a process that dies, hangs or loses its network
 * loses it by itself. No clock of the holders counts, only that of the place. A holder is any text that is used for
 * one holding only.
 *
 * Every method rejects when the place can't be asked in time; whether anything was done is then unknown.
 */
export abstract class Lock {
  /**
   * Takes the lock if it is free.
   *
   * @param turn of work that is to be done once by all together, such as the tick of a schedule: when it is due, in
   *   milliseconds since the epoch. A turn that was taken once, or an earlier one, is never given again, however soon
   *   the lock is free. But one that was taken long before its time, by a process whose clock was wrong, does not stand
   *   in the way of earlier ones: nobody could work until that time has come.
   * @returns the fencing token, higher than that of everyone who held this name before: what refuses a lower one than
   *   it has seen is safe from a holder that was frozen, lost the lock, and woke up. Undefined when another holds the
   *   lock, or when the turn was taken.
   */
  abstract acquire(name: string, holder: string, ttlMs: number, turn?: number): Promise<number | undefined>;

  /** Holds it for another `ttlMs`. False when it is lost; it is then never this holder's again. */
  abstract renew(name: string, holder: string, ttlMs: number): Promise<boolean>;

  /** Gives it back. Without effect where another holds it. */
  abstract release(name: string, holder: string): Promise<void>;

  /** Who holds it now. */
  abstract holder(name: string): Promise<string | undefined>;

  /** Closes what was opened for it, for good: from now on every method rejects. Locks that are held end by themselves. */
  abstract close(): Promise<void>;
}

/** How long before its time, by the clock of the place, a turn may be taken and still stand for all before it. */
export const EARLIEST_MS = 5 * 60_000;
