import type { CacheEngine } from './cache-engine.js';
import { decodeEntry, freshness, type Entry } from './entry.js';

/** An entry that may be served, and the tier that had it. */
export interface Found {
  entry: Entry;
  source: 'memory' | 'redis';
}

/** Whoever asks by key alone gets the entry whatever question it answers: `get`, `has` and `ttl`. */
export const ANY_QUESTION = Symbol('any question');
type Asked = string | undefined | typeof ANY_QUESTION;

/** Looks for entries that may be served: in memory, then in the store, judged by the registry in both. */
export class Lookup {
  constructor(private readonly engine: CacheEngine) {}

  /** What memory has, if it may be served; never asks the store. */
  peek(key: string, clearTags: readonly string[], fingerprint?: Asked): Found | undefined {
    const entry = this.engine.memory?.get(key, this.engine.options.clock.now());
    if (!entry || !answers(entry, fingerprint)) return undefined;
    const verdict = this.engine.registry.verdict([...clearTags, ...entry.tags], entry.asOf);
    if (verdict === false) this.engine.memory?.drop(key);
    return verdict ? { entry, source: 'memory' } : undefined;
  }

  /**
   * The entry of each key that may be served, stale ones included, undefined for the others.
   *
   * @throws CacheUnavailableError when the store does not answer
   */
  async find(
    keys: readonly string[],
    clearTags: readonly string[],
    fingerprint?: Asked,
  ): Promise<(Found | undefined)[]> {
    const found = keys.map((key) => this.peek(key, clearTags, fingerprint));
    const missing = keys.filter((_, index) => !found[index]);
    if (missing.length === 0) return found;
    const loaded = await this.load(missing, clearTags, fingerprint);
    return found.map((one) => one ?? loaded.shift());
  }

  /** The same from the store alone, put into memory on the way. */
  async load(
    keys: readonly string[],
    clearTags: readonly string[],
    fingerprint?: Asked,
  ): Promise<(Found | undefined)[]> {
    const { epoch } = this.engine;
    const tickets = keys.map((key) => this.engine.memory?.take(key));
    try {
      const frames = await this.engine.outage.read(() => this.engine.store.read(keys));
      return await Promise.all(
        frames.map(async (bytes, index) => {
          const entry = bytes && this.#decode(keys[index] as string, bytes);
          if (!entry || !answers(entry, fingerprint)) return undefined;
          if (freshness(entry, this.engine.options.clock.now()) === 'expired') return undefined;
          if (!(await this.engine.registry.isValid([...clearTags, ...entry.tags], entry.asOf)))
            return undefined;
          // Else it was judged by what is known without the store, or read before the store was lost.
          if (epoch !== this.engine.epoch) return undefined;
          const ticket = tickets[index];
          if (ticket) {
            tickets[index] = undefined;
            this.engine.memory?.put(ticket, entry, this.engine.options.clock.now());
          }
          return { entry, source: 'redis' as const };
        }),
      );
    } finally {
      for (const ticket of tickets) if (ticket) this.engine.memory?.leave(ticket);
    }
  }

  #decode(key: string, bytes: Buffer): Entry | undefined {
    const entry = decodeEntry(bytes);
    if (!entry) this.engine.events.emit('unreadable', { key });
    return entry;
  }
}

const answers = (entry: Entry, fingerprint: Asked): boolean =>
  fingerprint === ANY_QUESTION || entry.fingerprint === fingerprint;
