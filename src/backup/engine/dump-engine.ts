import type { Readable, Writable } from 'node:stream';
import type { DumpSource } from './dump-source.js';

/** Which server of a replica set is read from. */
export const READ_PREFERENCES = [
  'primary',
  'primaryPreferred',
  'secondary',
  'secondaryPreferred',
  'nearest',
] as const;
export type ReadPreference = (typeof READ_PREFERENCES)[number];

/** How a dump is made. */
export interface DumpManner {
  /** How many collections are read at once. */
  readonly concurrency: number;
  /** Absent: as the connection string says, else from the primary. */
  readonly readPreference?: ReadPreference | undefined;
}

/** What is read from the server. */
export interface DumpSelection {
  /** `'*'` for the whole instance. */
  readonly database: string;
  /** These only; needs a database. */
  readonly collections?: readonly string[];
  /** All but these, where `collections` is absent; needs a database. */
  readonly except?: readonly string[];
  /** Capture the log of the replica set too, from before the reading begins to its end; only of the whole instance. */
  readonly oplog?: boolean;
}

/** What is written to the server. The archive's other namespaces are read and left out. */
export interface LoadSelection {
  /** As they are called in the archive. */
  readonly namespaces: readonly { readonly database: string; readonly collection: string }[];
  /** Write documents that break their collection's validator too. Takes a right that `readWrite` doesn't have. */
  readonly unchecked: boolean;
  /** Databases by their name in the archive: where they go, and what goes before each collection's name. */
  readonly into: ReadonlyMap<string, { readonly database: string; readonly prefix: string }>;
}

/**
 * PORT: reads databases into an archive of the mongodump format and writes such archives back.
 *
 * Failures are BackupErrors without any secret: TOOL_NOT_FOUND, TOOL_TOO_OLD, SERVER_UNREACHABLE,
 * AUTHENTICATION_FAILED, NOT_AUTHORIZED, TOOL_FAILED, SERVER_FAILED, and TARGET_NOT_EMPTY where a load met a namespace that it would
 * have to make. What an aborted signal ends rejects too.
 */
export abstract class DumpEngine {
  abstract readonly name: string;

  /**
   * Makes sure that it can do the job, before anything else is done. Gives its version.
   *
   * @param oplog the dump is to capture the log: OPLOG_UNAVAILABLE where it can't
   */
  abstract prepare(job: 'dump' | 'load', oplog?: boolean): Promise<string>;

  /** What `openDump` begins to read by. */
  abstract source(selection: DumpSelection): Promise<DumpSource>;

  /** Begins to write. */
  abstract load(selection: LoadSelection, signal: AbortSignal): Promise<Load>;
}

export interface Dump {
  readonly archive: Readable;
  /** Rejects when the reading failed in any way, however whole the archive looks. */
  readonly finished: Promise<void>;
}

export interface Load {
  readonly archive: Writable;
  /** Rejects when the writing failed in any way, a single document included. Gives how many were written. */
  readonly finished: Promise<number>;
}
