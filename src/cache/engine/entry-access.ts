import type { Entry, EntryCodec, Stamp } from './entry.js';

/**
 * What http/ and mongoose/ see of the engine, through `CacheService.openEntry`: entries whose bytes are their
 * own (HTTP frames, raw BSON), under the same stamps, leases, tiers and outage rules as all others.
 */
export interface EntryRequest {
  /** A key of the user's key space (`cache.delete(key)` and `clearPattern` act on it) … */
  key?: string;
  /** … or a hash of the caller's under a prefix that user keys and patterns don't reach. Exactly one of both. */
  hash?: { space: 'query' | 'http'; value: string };
  /** What was asked, where one key may be asked for in several ways: an entry with another one is a miss. */
  fingerprint?: string;
  /** Registry tags (`CacheService.registryTags`) known before the load. Those of the fill may be more. */
  tags?: readonly string[];
  /** Whether the caller wants to load anew what is fresh, too; one at a time is given the lead for it. */
  renew?: boolean;
}

/** The entry is there: bytes to answer from. Never write to `payload`, others read it too. */
export interface FoundEntry {
  found: true;
  entry: Entry;
  /** `memory` and `redis` are hits; `flight` is the answer of a load that was already under way. */
  source: 'memory' | 'redis' | 'flight';
  /** Past `freshUntil`, but within its staleTtl. */
  stale: boolean;
  /** For one caller only, when stale, or early where that was asked for: it should load anew in the background. */
  refresh?: EntryLead;
}

/** Nothing to answer from: the caller loads. It must end with exactly one of fill, pass or fail. */
export interface EntryLead {
  found: false;
  /** Why: nothing there, or another load is under way too long and this one is for this caller alone. */
  alone: boolean;
  /** What the registry knew before this load: an invalidation after it makes the entry stale at birth. */
  asOf: Stamp;
  /** Stores the answer unless a set, delete or invalidation came in between, and answers those who wait. */
  fill(payload: Buffer, options: FillOptions): Promise<FillOutcome>;
  /** Ends the load without an answer for others (an answer that must not be shared): each loads for itself. */
  pass(): void;
  /** Ends the load in an error, which those who wait in this process get too. */
  fail(error: unknown): void;
}

export interface FillOptions {
  /** Milliseconds. 0: answer those who wait, store nothing. */
  ttl: number;
  /** Milliseconds after the ttl in which the entry may be served stale. */
  staleTtl?: number;
  /** What the registry knew before the load, where that began before this lead was had. Default: the lead's. */
  asOf?: Stamp;
  /** Registry tags of the entry. */
  tags?: readonly string[];
  /** Which codec `cache.get(key)` reads the payload with. */
  codec: EntryCodec;
}

/** stored; fenced: something newer came in between; skipped: ttl 0, too large, alone or Redis away. */
export type FillOutcome = 'stored' | 'fenced' | 'skipped';
