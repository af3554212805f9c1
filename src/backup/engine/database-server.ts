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
  /** Connects, lets the work be done, and disconnects. */
  abstract use<T>(work: (session: ServerSession) => Promise<T>): Promise<T>;
}

export abstract class ServerSession {
  abstract version(): Promise<string>;

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

  /** At once, within a database. With `replace` what has the new name is dropped by the same step, else it fails. */
  abstract rename(database: string, from: string, to: string, replace: boolean): Promise<void>;

  /** Does nothing where there is nothing. */
  abstract drop(database: string, collection: string): Promise<void>;

  /** @param metadata as in the archive: its options hold the definition */
  abstract createView(database: string, view: string, metadata: string): Promise<void>;
}
