import type { mongo } from 'mongoose';
import type { Write } from './dependencies.js';
import { deferToCommit } from './transactions.js';
import { forgetViews } from './views.js';

/** Told of writes when they are done, well or not, and before their callers are. Must not throw. */
export type WriteObserver = (writes: readonly Write[]) => Promise<void>;

/** What a call of the driver may say about its session. */
export type SessionOptions = { session?: mongo.ClientSession } | undefined;

/** By client; an observer is there once for each connection on whose account it observes, and told once. */
const observers = new WeakMap<mongo.MongoClient, WriteObserver[]>();

export function addObserver(client: mongo.MongoClient, observer: WriteObserver): void {
  observers.set(client, [...(observers.get(client) ?? []), observer]);
}

/** Gives how many are left. */
export function removeObserver(client: mongo.MongoClient, observer: WriteObserver): number {
  const left = [...(observers.get(client) ?? [])];
  const index = left.indexOf(observer);
  if (index >= 0) left.splice(index, 1);
  observers.set(client, left);
  return left.length;
}

/**
 * Runs a write and tells of it: after the acknowledgement, and after an error too, since the server may have
 * applied what it could not confirm. Inside a transaction nothing has changed for others until it commits.
 */
export async function told<T>(
  client: mongo.MongoClient,
  options: SessionOptions,
  write: () => Promise<T>,
  writes: () => readonly Write[],
): Promise<T> {
  const session = options?.session;
  const isInTransaction = session?.inTransaction() ?? false;
  try {
    return await write();
  } finally {
    if (session && isInTransaction) deferToCommit(session, writes(), (all) => tell(client, all));
    else await tell(client, writes());
  }
}

async function tell(client: mongo.MongoClient, writes: readonly Write[]): Promise<void> {
  if (writes.length === 0) return;
  for (const write of writes) if (write.redefines) forgetViews(client, write);
  await Promise.all([...new Set(observers.get(client))].map((observer) => observer(writes)));
}
