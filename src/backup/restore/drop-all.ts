import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerNamespace, ServerSession } from '../engine/database-server.js';

/** Longer than the server needs for a command of a client that has just died. */
const PAUSE_MS = 300;
const LOOKS = 10;

/**
 * Drops what is found until nothing is found any more: the last commands of a tool that was killed may still be on
 * their way, and make a collection again.
 *
 * @returns what was dropped
 */
export async function dropAll(
  session: ServerSession,
  find: () => Promise<readonly ServerNamespace[]>,
): Promise<readonly ServerNamespace[]> {
  const dropped: ServerNamespace[] = [];
  for (let look = 0; look < LOOKS; look++) {
    const found = await find();
    if (found.length === 0) break;
    for (const { database, collection } of found) await session.drop(database, collection);
    dropped.push(...found);
    await sleep(PAUSE_MS);
  }
  return dropped;
}
