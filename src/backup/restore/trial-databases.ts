import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSession } from '../engine/database-server.js';
import { ownerMark } from '../process-owner.js';
import { isAbandoned, isTrial, makerOf, trialDatabase } from './scratch.js';

/** Longer than the server needs for a command of a client that has just died. */
const PAUSE_MS = 300;
const LOOKS = 10;

/** Trials of this process that are under way. */
const underWay = new Set<string>();

/** The databases of one trial restore, one for each database of the backup, and for nobody else. */
export class TrialDatabases {
  private readonly names = new Map<string, string>();

  /** The database that stands for one of the backup's. */
  of(database: string): string {
    const name = this.names.get(database) ?? trialDatabase();
    this.names.set(database, name);
    underWay.add(name);
    return name;
  }

  get all(): readonly string[] {
    return [...this.names.values()];
  }

  /** Drops them. What can't be dropped now is left to the next trial or start. */
  async remove(session: ServerSession): Promise<void> {
    try {
      await dropUntilGone(session, (name) => this.all.includes(name));
    } finally {
      for (const name of this.all) underWay.delete(name);
    }
  }
}

/**
 * Drops the databases of trials whose processes were killed.
 *
 * @returns their names
 */
export async function removeAbandonedTrials(session: ServerSession): Promise<readonly string[]> {
  return dropUntilGone(session, (name) => {
    if (!isTrial(name)) return false;
    return isAbandoned(name) || (makerOf(name) === ownerMark() && !underWay.has(name));
  });
}

/** More than once: the last commands of a tool that was killed may still be on their way, and make one again. */
async function dropUntilGone(
  session: ServerSession,
  isMeant: (name: string) => boolean,
): Promise<readonly string[]> {
  const dropped = new Set<string>();
  for (let look = 0; look < LOOKS; look++) {
    const found = (await session.databases()).filter(isMeant);
    if (found.length === 0) break;
    for (const name of found) await session.dropDatabase(name);
    for (const name of found) dropped.add(name);
    await sleep(PAUSE_MS);
  }
  return [...dropped];
}
