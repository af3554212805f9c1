import type { OplogIndex } from '../oplog/oplog-catalogue.js';

export interface ReplayWrite {
  readonly op: 'i' | 'u' | 'd';
  readonly database: string;
  readonly collection: string;
  readonly o: Buffer;
  readonly o2: Buffer | undefined;
}

/**
 * PORT: does again on a server what the log of another says. Documents are BSON. What is done may be done twice.
 *
 * Failures are BackupErrors that quote no document: NOT_AUTHORIZED, SERVER_UNREACHABLE, SERVER_FAILED.
 */
export abstract class ReplayTarget {
  /** Makes sure that the server lets this user do it, without doing anything. */
  abstract check(database: string, collection: string): Promise<void>;

  /** True for a document that reaches the server as it is, to the bit. */
  abstract carries(document: Buffer): boolean;

  /** In this order; past validators. Inserts what is there already by replacing it. */
  abstract write(writes: readonly ReplayWrite[]): Promise<void>;

  /** @param command as the log has it */
  abstract createCollection(database: string, collection: string, command: Buffer): Promise<void>;

  /** @param command as the log has it */
  abstract changeCollection(database: string, collection: string, command: Buffer): Promise<void>;

  /** @param expiring false: without what makes the server delete documents by age */
  abstract createIndexes(
    database: string,
    collection: string,
    indexes: readonly OplogIndex[],
    expiring: boolean,
  ): Promise<void>;

  /** A document as canonical Extended JSON. */
  abstract text(document: Buffer): string;
}
