import { Logger } from '@nestjs/common';

/** What happens in the cache, by name. Keys are entry keys, as they stand in Redis. */
export interface CacheEventMap {
  hit: { key: string; source: 'memory' | 'redis' | 'flight' };
  stale: { key: string; source: 'memory' | 'redis' | 'flight' };
  miss: { key: string };
  fill: { key: string };
  /** A load whose result was not stored: something newer came in between, or it is too large. */
  fenced: { key: string };
  tooLarge: { key: string; bytes: number };
  /** Redis is full (`maxmemory`, `noeviction`): a value was not stored. */
  refused: { key: string };
  /** Bytes under one of our keys that are not an entry of ours, or can't be decoded. They are a miss. */
  unreadable: { key: string };
  /** A load in the background failed; the entry that is there is served on. */
  refreshFailed: { key: string; error: unknown };
  /** Redis is away: reads miss, writes are journalled. */
  down: { reason: string };
  up: Record<string, never>;
}

export type CacheEvent = keyof CacheEventMap;

/** Events and the counts of them: one place that knows what happened. */
export class CacheEvents {
  readonly #listeners = new Map<CacheEvent, Set<(detail: never) => void>>();
  readonly #logger = new Logger('Cache');
  readonly counts: Record<CacheEvent, number> = {
    hit: 0,
    stale: 0,
    miss: 0,
    fill: 0,
    fenced: 0,
    tooLarge: 0,
    refused: 0,
    unreadable: 0,
    refreshFailed: 0,
    down: 0,
    up: 0,
  };
  readonly hits = { memory: 0, redis: 0, flight: 0 };

  /** What happens most of all, without an object for nobody. */
  hit(key: string, source: CacheEventMap['hit']['source']): void {
    if (this.#listeners.size > 0 && this.#listeners.get('hit')?.size)
      return this.emit('hit', { key, source });
    this.counts.hit += 1;
    this.hits[source] += 1;
  }

  emit<E extends CacheEvent>(event: E, detail: CacheEventMap[E]): void {
    this.counts[event] += 1;
    if (event === 'hit' || event === 'stale') this.hits[(detail as CacheEventMap['hit']).source] += 1;
    for (const listener of this.#listeners.get(event) ?? [])
      this.#tell(event, listener as (detail: CacheEventMap[E]) => void, detail);
  }

  /** Gives the function that takes the listener off again. */
  on<E extends CacheEvent>(event: E, listener: (detail: CacheEventMap[E]) => void): () => void {
    const own = (detail: CacheEventMap[E]) => listener(detail); // the same function may listen twice
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(own));
    return () => void listeners.delete(own);
  }

  /** A listener's error is its own: neither a request nor the recovery from an outage may fail of it. */
  #tell<E extends CacheEvent>(
    event: E,
    listener: (detail: CacheEventMap[E]) => void,
    detail: CacheEventMap[E],
  ): void {
    try {
      listener(detail);
    } catch (error) {
      this.#logger.error(`A listener of '${event}' failed`, error instanceof Error ? error.stack : error);
    }
  }
}
