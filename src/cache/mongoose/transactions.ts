import type { mongo } from 'mongoose';
import type { Write } from './dependencies.js';
import { callBehind, putInFront } from './methods-in-front.js';

const pending = new WeakMap<mongo.ClientSession, Write[]>();

/**
 * Keeps writes of a running transaction until it is over: told of when it commits (also when nobody knows
 * whether it did), forgotten when it aborts or another one begins. All forms of transactions end at these three
 * methods of the session; ours are put in front of them on this one session.
 */
export function deferToCommit(
  session: mongo.ClientSession,
  writes: readonly Write[],
  tell: (writes: readonly Write[]) => Promise<void>,
): void {
  const known = pending.get(session);
  if (known) {
    known.push(...writes);
    return;
  }
  const kept = [...writes];
  pending.set(session, kept);
  putInFront(session, {
    startTransaction(...args: unknown[]) {
      callBehind<void>(session, 'startTransaction', args);
      kept.length = 0;
    },
    async commitTransaction(...args: unknown[]) {
      try {
        await callBehind(session, 'commitTransaction', args);
      } finally {
        // Kept until another one begins: a commit whose result is unknown is sent again.
        await tell([...kept]);
      }
    },
    async abortTransaction(...args: unknown[]) {
      await callBehind(session, 'abortTransaction', args);
      kept.length = 0;
    },
  });
}
