import type { ReplayTarget } from './replay-target.js';
import type { NamespaceType } from '../archive/archive-summary.js';

export interface ServerNamespace {
  readonly database: string;
  readonly collection: string;
  readonly type: NamespaceType;
}

/**
 * PORT: what is asked of the server beside dumping and loading.
 *
 * Failures are BackupErrors without any secret: SERVER_UNREACHABLE, AUTHENTICATION_FAILED, NOT_AUTHORIZED,
 * SERVER_FAILED.
 */
export abstract class DatabaseServer {
  /**
   * Connects, lets the work be done, and disconnects.
   *
   * @param patienceMs how long to look for the server, unless the connection string says otherwise
   */
  abstract use<T>(work: (session: ServerSession) => Promise<T>, patienceMs?: number): Promise<T>;
}

/** A document that this package keeps for itself. */
export type Note = Readonly<Record<string, unknown>>;

export abstract class ServerSession {
  abstract readonly replay: ReplayTarget;

  abstract version(): Promise<string>;

  /** What the server's clock says, in milliseconds since the epoch. */
  abstract time(): Promise<number>;

  /** True where the server is a member of a replica set, and asked as such. */
  abstract hasOplog(): Promise<boolean>;

  /**
   * All that can be listed in a database, or with `'*'` in all of them but `admin`, `config` and `local`. Rejects
   * with NOT_AUTHORIZED rather than leave out what the user may not see. What the server keeps for itself
   * (`system.*` but for `system.js`) is left out.
   */
  abstract namespaces(database: string): Promise<readonly ServerNamespace[]>;

  /**
   * Stored documents, and their bytes as BSON, as the server reckons them; buckets for a time series. Zero for what
   * holds no data, or is gone.
   */
  abstract size(database: string, collection: string): Promise<{ documents: number; bytes: number }>;

  /** Documents, counted one by one. */
  abstract count(database: string, collection: string): Promise<number>;

  /** Names of the indexes, sorted; none where there is no such collection. */
  abstract indexes(database: string, collection: string): Promise<readonly string[]>;

  /**
   * At once, within a database. With `replace` what has the new name is dropped by the same step.
   *
   * @throws BackupError when the server has refused it, and nothing was done: TARGET_NOT_EMPTY without `replace`,
   *   where something of that name is; whatever else is thrown, it may have been done
   */
  abstract rename(database: string, from: string, to: string, replace: boolean): Promise<void>;

  /** Does nothing where there is nothing. */
  abstract drop(database: string, collection: string): Promise<void>;

  /**
   * @param metadata as in the archive: its options hold the definition
   * @throws BackupError when the server has refused it: TARGET_NOT_EMPTY where something of that name is
   */
  abstract createView(database: string, view: string, metadata: string): Promise<void>;

  /**
   * True where a view of just this definition is.
   *
   * @param metadata as in the archive
   */
  abstract hasView(database: string, view: string, metadata: string): Promise<boolean>;

  /** All whose names begin with a text, in every database whose collections the user may list. */
  abstract find(prefix: string): Promise<readonly ServerNamespace[]>;

  /** Names of the databases that the user may list. */
  abstract databases(): Promise<readonly string[]>;

  /** With all that is in it. Does nothing where there is none. */
  abstract dropDatabase(database: string): Promise<void>;

  /** The only document of a collection of ours. */
  abstract readNote(database: string, collection: string): Promise<Note | undefined>;

  /**
   * Writes it so that no crash and no failover forgets it. Without `where` it must not be there yet.
   *
   * @param where fields that the present one must have; it is changed, not replaced
   * @returns false when it hasn't
   */
  abstract writeNote(database: string, collection: string, note: Note, where?: Note): Promise<boolean>;
}
