import type { CacheEngine } from './engine/cache-engine.js';

/** Counts since the cache was made, and its state now. Of the root and all its namespaces together. */
export interface CacheStats {
  /** By what answered: this process's memory, the store, or a load that was already under way. */
  hits: { memory: number; redis: number; flight: number };
  /** Of those hits, the ones past their ttl. */
  staleHits: number;
  misses: number;
  fills: number;
  /** Loads not stored because a set, delete or invalidation came in between. */
  fenced: number;
  /** Values not stored: larger than `maxValueBytes`, or Redis had no room for them. */
  tooLarge: number;
  refused: number;
  /** Bytes under our keys that were not ours. */
  unreadable: number;
  /** Loads in the background that failed. */
  failedRefreshes: number;
  /** `up`: Redis answers. `down`: reads miss, writes are journalled. `memory`: there is no Redis. */
  state: 'up' | 'down' | 'memory';
  /** How often Redis was lost. */
  outages: number;
  /** Invalidations that Redis has to be told when it is back. */
  journalled: number;
  /** Loads under way in this process. */
  loading: number;
  /** In this process's memory tier; its bytes are estimated. */
  memoryEntries: number;
  memoryBytes: number;
}

export function statsOf({ events, flights, outage, memory, options }: CacheEngine): CacheStats {
  const { counts } = events;
  const state = outage.isDown ? 'down' : 'up';
  return {
    hits: { ...events.hits },
    staleHits: counts.stale,
    misses: counts.miss,
    fills: counts.fill,
    fenced: counts.fenced,
    tooLarge: counts.tooLarge,
    refused: counts.refused,
    unreadable: counts.unreadable,
    failedRefreshes: counts.refreshFailed,
    state: options.redis === false ? 'memory' : state,
    outages: counts.down,
    journalled: outage.journalled,
    loading: flights.size,
    memoryEntries: memory?.size ?? 0,
    memoryBytes: memory?.bytes ?? 0,
  };
}
