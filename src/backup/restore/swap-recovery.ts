import { Injectable, Logger } from '@nestjs/common';
import { BackupLocks } from '../backup-locks.js';
import { BackupError, list } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import { DatabaseServer, type ServerNamespace, type ServerSession } from '../engine/database-server.js';
import { ownerState } from '../process-owner.js';
import { dropAll } from './drop-all.js';
import { busy, RestoreLocks } from './restore-locks.js';
import { isAbandoned, isJournal, isOurs, makerOf } from './scratch.js';
import { settle } from './swap.js';
import { removeAbandonedTrials } from './trial-databases.js';
import { databasesOf, isLeft, readSwap, SwapJournal, type SwapRecord } from './swap-journal.js';

/** How long the start of an application waits for a server that isn't there. */
const PATIENCE_MS = 2_000;

/**
 * Ends what restores have left whose processes died: their swaps are finished or taken back, as their journals say,
 * and what they loaded beside is removed. Done when an application starts, and before every backup and restore:
 * neither must see half a swap.
 */
@Injectable()
export class SwapRecovery {
  private readonly log = new Logger(SwapRecovery.name);

  constructor(
    private readonly server: DatabaseServer,
    private readonly locks: BackupLocks,
  ) {}

  /** What can't be done now is said and left to the next backup or restore. */
  async atStart(): Promise<void> {
    try {
      await this.recover(PATIENCE_MS);
    } catch (error) {
      this.log.warn(`Restores that were cut short could not be looked for. ${(error as Error).message}`);
    }
  }

  /** @throws what the server fails with; SwapFailedError */
  async recover(patienceMs?: number): Promise<void> {
    await this.server.use(async (session) => {
      await this.run(session, []);
      await removeAbandonedTrials(session);
    }, patienceMs);
  }

  /**
   * @param wanted databases that must have no swap under way afterwards; `'*'`: all
   * @param held the locks that the caller has
   * @throws BackupError LOCKED when one is under way that nobody else may end; SwapFailedError
   */
  async run(
    session: ServerSession,
    wanted: readonly string[] | '*',
    held: RestoreLocks = RestoreLocks.none,
  ): Promise<void> {
    const found = (await session.find('flora_')).filter(({ collection }) => isOurs(collection));
    for (const namespace of found.filter(({ collection }) => isJournal(collection))) {
      const { database, collection } = namespace;
      const record = await readSwap(session, database, collection);
      if (!record) {
        if (isAbandoned(collection)) await session.drop(database, collection);
        continue;
      }
      const ended = await this.end(session, database, record, held);
      const isWanted = wanted === '*' || databasesOf(record).some((name) => wanted.includes(name));
      if (!ended && isWanted) throw busy(database);
    }
    await this.removeScratch(session, held);
  }

  private async end(
    session: ServerSession,
    home: string,
    record: SwapRecord,
    held: RestoreLocks,
  ): Promise<boolean> {
    const missing = databasesOf(record).filter((database) => !held.has(database));
    // The locks of a process that may be alive are had only when it does not hold them any more, if they are kept where ours are.
    const needed = isLeft(record) ? [] : missing;
    if (!isLeft(record) && !(record.locks && record.locks === this.locks.place)) return false;
    const taken = await RestoreLocks.take(this.locks, needed);
    if (typeof taken === 'string') return false;
    try {
      const journal = await SwapJournal.takeOver(session, home, record, Math.max(held.token, taken.token));
      if (!journal) return false;
      try {
        await settle(session, journal);
      } catch (error) {
        // Another was quicker, and ends it.
        if (error instanceof BackupError && error.code === 'LOCK_LOST') return false;
        throw error;
      } finally {
        await journal.leave();
      }
      const way = record.state === 'forward' ? 'finished' : 'taken back';
      this.log.warn(`A restore into ${list(databasesOf(record))} that was cut short was ${way}`);
      return true;
    } finally {
      await taken.release();
    }
  }

  private async removeScratch(session: ServerSession, held: RestoreLocks): Promise<void> {
    const left = await dropAll(session, async () => {
      const found = (await session.find('flora_')).filter(({ collection }) => makerOf(collection));
      const open = new Set(found.filter(({ collection }) => isJournal(collection)).map(markOf));
      return found.filter((namespace) => {
        const state = ownerState(makerOf(namespace.collection)!);
        // Where the lock is ours no other machine restores either.
        const isOver = state === 'dead' || (state === 'elsewhere' && held.has(namespace.database));
        return isOver && !open.has(markOf(namespace));
      });
    });
    if (left.length > 0)
      this.log.log(`Removed what a killed restore left: ${list([...new Set(left.map(nameOf))])}`);
  }
}

/** Of the restore: the two parts of a name that follow its first. */
function markOf({ collection }: ServerNamespace): string {
  return collection.split('.').slice(1, 3).join('.');
}
