import type { CacheEngine } from './cache-engine.js';
import type { Clock } from '../../coordination/clock.js';
import type { CacheEvents } from './cache-events.js';
import type { KeptEntry } from './kept-entry.js';
import type { MemoryTier } from './memory-tier.js';
import type { TagRegistry } from './tag-registry.js';

/**
 * Hits that need no thought: what memory keeps, found by the user's key, without building the key in Redis, and
 * judged by looking at one number, as long as nothing was invalidated since it was judged.
 */
export class QuickHits {
  readonly #names = new Map<string, KeptEntry>();
  readonly #registry: TagRegistry;
  readonly #memory: MemoryTier | undefined;
  readonly #events: CacheEvents;
  readonly #clock: Clock;

  constructor(
    { registry, memory, events, options }: CacheEngine,
    private readonly clearTags: readonly string[],
  ) {
    this.#registry = registry;
    this.#memory = memory;
    this.#events = events;
    this.#clock = options.clock;
  }

  /** What memory keeps of a key, if it may be served, is fresh, and is not to be loaded anew. Counts the hit. */
  find(key: string): KeptEntry | undefined {
    const kept = this.#names.get(key);
    if (kept === undefined) return undefined;
    const now = this.#clock.now();
    if (!kept.isQuiet(now)) return undefined;
    const { version } = this.#registry;
    if (kept.version !== version) {
      if (this.#registry.verdict(this.clearTags, kept.tags, kept.asOf) !== true) return undefined;
      kept.version = version;
    }
    this.#memory?.touch(kept, now);
    this.#events.hit(kept.key, 'memory');
    return kept;
  }

  /** Finds it quickly from now on. What is asked for by its fingerprint is not found by its key alone. */
  remember(key: string, kept: KeptEntry): void {
    if (kept.isOpen && kept.fingerprint === undefined) kept.indexIn(this.#names, key);
  }
}
