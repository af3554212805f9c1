import type { CacheEngine } from './cache-engine.js';
import type { KeptEntry } from './kept-entry.js';

/**
 * Hits that need no thought: what memory keeps, found by the user's key, without building the key in Redis, and
 * judged by looking at one number, as long as nothing was invalidated since it was judged.
 */
export class QuickHits {
  readonly #names = new Map<string, KeptEntry>();

  constructor(
    private readonly engine: CacheEngine,
    private readonly clearTags: readonly string[],
  ) {}

  /** What memory keeps of a key, if it may be served, is fresh, and is not to be loaded anew. Counts the hit. */
  find(key: string): KeptEntry | undefined {
    const kept = this.#names.get(key);
    if (kept === undefined) return undefined;
    const { registry, events, memory, options } = this.engine;
    const now = options.clock.now();
    if (now >= kept.quietUntil) return undefined;
    if (kept.version !== registry.version) {
      if (registry.verdict(this.clearTags, kept.tags, kept.asOf) !== true) return undefined;
      kept.version = registry.version;
    }
    memory?.touch(kept, now);
    events.hit(kept.key, 'memory');
    return kept;
  }

  /** Finds it quickly from now on. What is asked for by its fingerprint is not found by its key alone. */
  remember(key: string, kept: KeptEntry): void {
    if (kept.fingerprint === undefined) kept.indexIn(this.#names, key);
  }
}
