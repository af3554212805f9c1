import type { Connection } from 'mongoose';
import type { CachedReads } from './cached-reads.js';
import type { PolicyDefaults } from './query-policy.js';

/** What answers the marked queries of a connection. */
export interface Reader {
  reads: CachedReads;
  defaults: PolicyDefaults;
  /** Told of each connection that this one makes to another database over its client. */
  onSibling: (connection: Connection) => void;
}

const readers = new WeakMap<Connection, Reader[]>();

/** The cache that a connection was attached to last; undefined where its queries are queries like all others. */
export const readerOf = (connection: Connection): Reader | undefined => readers.get(connection)?.at(-1);

/** All caches that a connection is attached to. */
export const readersOf = (connection: Connection): readonly Reader[] => readers.get(connection) ?? [];

export function addReader(connection: Connection, reader: Reader): void {
  readers.set(connection, [...(readers.get(connection) ?? []), reader]);
}

export function removeReader(connection: Connection, reader: Reader): void {
  readers.set(
    connection,
    (readers.get(connection) ?? []).filter((one) => one !== reader),
  );
}
