import type { CacheEngine } from './engine/cache-engine.js';

/** Counts since the cache was made, and its state now. */
export interface CacheStats {
  /** By what answered: this process's memory, the store, or a load that was already under way. */
  hits: { memory: number; redis: number; flight: number };
  /** Of those hits, the ones past their ttl. */
  staleHits: number;
  misses: number;
  fills: number;
  /** Loads not stored because a set, delete or invalidation came in between. */
  fenced: number;
  /** Bytes under our keys that were not ours. */
  unreadable: number;
  /** `up`: Redis answers. `down`: reads miss, writes are journalled. `memory`: there is no Redis. */
  state: 'up' | 'down' | 'memory';
  /** Invalidations that Redis has to be told when it is back. */
  journalled: number;
  /** Entries in this process's memory tier. */
  memoryEntries: number;
}

export function statsOf({ events, outage, memory, options }: CacheEngine): CacheStats {
  const { stale, miss, fill, fenced, unreadable } = events.counts;
  const state = outage.isDown ? 'down' : 'up';
  return {
    hits: { ...events.hits },
    staleHits: stale,
    misses: miss,
    fills: fill,
    fenced,
    unreadable,
    state: options.redis === false ? 'memory' : state,
    journalled: outage.journalled,
    memoryEntries: memory?.size ?? 0,
  };
}
