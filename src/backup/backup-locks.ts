import { randomUUID } from 'node:crypto';
import { HeldLock } from '../coordination/held-lock.js';
import type { Lock } from '../coordination/lock.js';
import { withoutCredentials } from '../errors.js';
import { BackupError } from './backup.errors.js';
import { ownerMark, ownerState } from './process-owner.js';
import { aborted } from './run-queue.js';

/** How long a holder that hangs keeps a lock; it is renewed three times as often. */
const TTL_MS = 30_000;

/** Locks among all processes that back up the same server. */
export class BackupLocks {
  private readonly held = new Set<HeldLock>();
  private isClosed = false;

  /**
   * @param place where they are kept: only who locks at the same place learns from a lock that it is free. Empty where
   *   nothing is locked at all
   */
  constructor(
    private readonly lock: Lock,
    readonly place: string,
  ) {}

  /**
   * @param turn of work that all processes do once together: given to one of them only, once
   * @returns undefined when another process holds it, or had the turn
   * @throws BackupError LOCK_UNAVAILABLE; ABORTED once this is closed
   */
  async take(name: string, turn?: number): Promise<HeldLock | undefined> {
    try {
      const taken = await HeldLock.take({
        lock: this.lock,
        name,
        holder: `${ownerMark()}/${randomUUID()}`,
        ttlMs: TTL_MS,
        turn,
        isDead: (holder) => ownerState(holder.split('/')[0]!) === 'dead',
        lost: () =>
          new BackupError('LOCK_LOST', {
            problem: `The lock ${name} was lost: this process did not move, or did not reach it, for too long`,
            advice: 'another process may have taken over; nothing of this run stays',
          }),
        released: (lock) => this.held.delete(lock),
      });
      if (taken) this.held.add(taken);
      return taken;
    } catch (error) {
      if (this.isClosed) throw aborted('the shutdown of the application');
      // What the server refused is quoted by it at length.
      const [reason = ''] = withoutCredentials((error as Error).message).split(' to execute command');
      throw new BackupError('LOCK_UNAVAILABLE', {
        problem: `The lock ${name} can't be asked for: ${reason}`,
        advice:
          'the option lock says where it is kept: in the database of uri, which takes the right to write there, in Redis, or false where only one process makes backups',
      });
    }
  }

  /** Gives back what is held, so that nobody has to wait for its end. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.held].map((lock) => lock.release()));
    await this.lock.close();
  }
}
