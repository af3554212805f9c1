import type { HeldLock } from '../../coordination/held-lock.js';
import type { BackupLocks } from '../backup-locks.js';
import { restoreLock } from '../chosen-lock.js';
import { BackupError } from '../backup.errors.js';

/** The right to restore into some databases, for one process at a time. */
export class RestoreLocks {
  private constructor(private readonly held: Map<string, HeldLock>) {}

  static readonly none = new RestoreLocks(new Map());

  /**
   * @param databases sorted: two that want the same ones must not each wait for the other
   * @returns the name of the database that another process restores into, where there is one
   */
  static async take(locks: BackupLocks, databases: readonly string[]): Promise<RestoreLocks | string> {
    const held = new Map<string, HeldLock>();
    const taken = new RestoreLocks(held);
    try {
      for (const database of databases) {
        const lock = await locks.take(restoreLock(database));
        if (!lock) {
          await taken.release();
          return database;
        }
        held.set(database, lock);
      }
    } catch (error) {
      await taken.release();
      throw error;
    }
    return taken;
  }

  /**
   * Takes those of further databases.
   *
   * @returns the name of the database that another process restores into, where there is one; all are kept
   */
  async add(locks: BackupLocks, databases: readonly string[]): Promise<string | undefined> {
    const more = await RestoreLocks.take(
      locks,
      databases.filter((database) => !this.has(database)),
    );
    if (typeof more === 'string') return more;
    for (const [database, lock] of more.held) this.held.set(database, lock);
    return undefined;
  }

  has(database: string): boolean {
    return this.held.has(database);
  }

  get token(): number {
    return Math.max(0, ...[...this.held.values()].map(({ token }) => token));
  }

  /** Aborted when one is lost. */
  get signals(): AbortSignal[] {
    return [...this.held.values()].map(({ signal }) => signal);
  }

  /** @throws BackupError LOCK_LOST */
  async confirm(): Promise<void> {
    for (const lock of this.held.values()) await lock.confirm();
  }

  async release(): Promise<void> {
    await Promise.all([...this.held.values()].map((lock) => lock.release()));
  }
}

export function busy(database: string): BackupError {
  return new BackupError('LOCKED', {
    problem: `Another restore into ${database} is under way`,
    advice: 'wait until it is done',
  });
}
