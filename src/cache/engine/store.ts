import { randomUUID } from 'node:crypto';
import type { Stamp } from './entry.js';

/** A frame to be kept under a key for `lifetime` milliseconds. */
export interface Write {
  key: string;
  bytes: Buffer;
  lifetime: number;
}

/** What the registry says: its clock, and each asked tag's last invalidation (0: never, or long ago). */
export interface Stamps {
  clock: Stamp;
  of: Stamp[];
}

/** What `increment` is told, since one script can't see another slot: the registry and a header for a new counter. */
export interface CounterBasis {
  /** The last `clear()` that concerns the key. An older counter starts from 0. */
  clearedAt: Stamp;
  now: number;
  /** Header of a new counter, without payload. */
  header: Buffer;
  /** Milliseconds that a new counter lives. */
  lifetime: number;
}

/** The right to load a key and to store what was loaded: lock and fence in one. Its text is what the store keeps. */
export class Lease {
  readonly text: string;

  constructor(
    readonly asOf: Stamp,
    readonly fingerprint = '',
    id: string = randomUUID(),
  ) {
    this.text = `${asOf}:${id}:${fingerprint}`;
  }
}

/** A lease that is wanted for `lifetime` milliseconds. */
export interface LeaseRequest {
  key: string;
  lease: Lease;
  lifetime: number;
  newerThan: Stamp;
}

/** What was loaded under a lease. */
export interface Fill extends Write {
  lease: Lease;
}

/** `tagged`: the key holds an entry with tags, which only the caller can judge. */
export type CounterResult = { value: number } | { refused: 'not an integer' | 'unsafe' | 'tagged' };

/** The store answers, but has no room for what it was given; what needs none, such as `remove`, it does. */
export class StoreRefusal extends Error {}

/**
 * PORT: the tier that is the truth about entries, leases and stamps; in Redis shared by all processes, in memory
 * for one. Every method is one round trip. Methods reject when the store can't be reached: that is no answer,
 * never "absent"; with a StoreRefusal when it is full. Deadlines are the caller's. All keys are entry keys of
 * `Scope.key`.
 */
export abstract class Store {
  /** The bytes as they were written; undefined when absent or expired. */
  abstract read(keys: readonly string[]): Promise<(Buffer | undefined)[]>;

  /** Stores, ends the keys' leases (a load under way must not overwrite this) and announces the keys. */
  abstract write(writes: readonly Write[]): Promise<void>;

  /** Removes entries and leases, announces the keys. Gives the number of entries that were there. */
  abstract remove(keys: readonly string[]): Promise<number>;

  /**
   * Takes leases, each of which gives undefined; or the text of the lease that another holds, unless what the other
   * loads is of no use: it began before the stamp `newerThan`, or loads the answer to another question.
   */
  abstract acquire(requests: readonly LeaseRequest[]): Promise<(string | undefined)[]>;

  /** Prolongs a lease that is still held. */
  abstract extend(key: string, lease: Lease, lifetime: number): Promise<boolean>;

  /** Stores and ends the leases, each only while it is held; announces the keys. False: fenced, nothing stored. */
  abstract fill(fills: readonly Fill[]): Promise<boolean[]>;

  /** Ends a lease that is held, and announces the key so that those who wait need not wait on. */
  abstract release(key: string, lease: Lease): Promise<void>;

  /** Adds to the integer entry under a key in one step. The lifetime is set when the counter is made, only then. */
  abstract increment(key: string, by: number, basis: CounterBasis): Promise<CounterResult>;

  /** The registry's clock and stamps. A registry that was lost starts anew, with everything older cleared. */
  abstract stamps(tags: readonly string[]): Promise<Stamps>;

  /** Stamps the tags with a new stamp, announces them, and gives the stamp. O(number of tags). */
  abstract invalidate(tags: readonly string[]): Promise<Stamp>;

  /** Tells all processes that every user key below `prefix` that the glob matches was removed. */
  abstract announcePattern(prefix: string, glob: string): Promise<void>;

  /**
   * Batches of entry keys with this prefix, those with only a lease included. Each key at least once; a load that
   * is under way when the scan begins is met by its lease or by what it has stored.
   */
  abstract scan(prefix: string): AsyncIterable<string[]>;
}
