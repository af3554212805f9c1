import type { CacheEngine } from './cache-engine.js';
import { freshness, type Entry, type Stamp } from './entry.js';
import { entryOf } from './frame.js';
import type { KeptEntry } from './kept-entry.js';
import { CLOCK } from './tag-registry.js';

/** An entry that may be served, and the tier that had it. */
export interface Found {
  entry: Entry;
  source: 'memory' | 'redis';
}

/** Whoever asks by key alone gets the entry whatever question it answers: `get`, `has` and `ttl`. */
export const ANY_QUESTION = Symbol('any question');

/** What is asked of a key, and how sure the answer has to be. */
export interface Asked {
  key: string;
  clearTags: readonly string[];
  fingerprint?: string | undefined | typeof ANY_QUESTION;
  /** Tags that the entry is expected to have: their stamps can be asked for together with the entry. */
  tags?: readonly string[] | undefined;
  /** Nothing older than any finished change of any process: neither memory nor the mirror is believed. */
  isStrict: boolean;
}

/** Looks for entries that may be served: in memory, then in the store, judged by the registry in both. */
export class Lookup {
  constructor(private readonly engine: CacheEngine) {}

  /** What memory has, if it may be served; never asks the store. */
  peek({ key, clearTags, fingerprint, isStrict }: Asked): KeptEntry | undefined {
    const { memory, options, outage, registry } = this.engine;
    if (!memory || (isStrict && !outage.isDown)) return undefined;
    const kept = memory.get(key, options.clock.now());
    if (!kept || !answers(kept, fingerprint)) return undefined;
    const verdict = registry.verdict(clearTags, kept.tags, kept.asOf);
    if (verdict === false) memory.drop(key);
    return verdict ? kept : undefined;
  }

  /**
   * The entry of a key that may be served, a stale one included.
   *
   * @throws CacheUnavailableError when the store does not answer
   */
  find(asked: Asked): Found | Promise<Found | undefined> {
    const kept = this.peek(asked);
    return kept ? { entry: kept, source: 'memory' } : this.load(asked);
  }

  /** The same from the store alone, put into memory on the way. `asking`: its frame, where that is asked for already. */
  async load(asked: Asked, asking?: Promise<Buffer | undefined>): Promise<Found | undefined> {
    const { memory, options, reads } = this.engine;
    const { epoch } = this.engine;
    const { key } = asked;
    const certain = asked.isStrict ? this.#stampsOf(asked) : undefined;
    certain?.catch(() => {}); // awaited below, unless there is nothing to judge
    const ticket = memory?.take(key);
    let kept: KeptEntry | undefined;
    let isTicketUsed = false;
    try {
      const frame = await (asking ?? reads.add(key));
      if (frame === undefined) return undefined;
      let entry = entryOf(frame, options.maxValueBytes);
      if (entry instanceof Promise) entry = await entry;
      if (!entry) {
        this.engine.events.emit('unreadable', { key });
        return undefined;
      }
      if (!answers(entry, asked.fingerprint)) return undefined;
      if (freshness(entry, options.clock.now()) === 'expired') return undefined;
      if (!(await this.#mayBeServed(entry, asked, certain))) return undefined;
      // Else it was judged by what is known without the store, or read before the store was lost.
      if (epoch !== this.engine.epoch) return undefined;
      if (ticket) {
        isTicketUsed = true;
        kept = memory?.put(ticket, entry, options.clock.now());
      }
      return { entry: kept ?? entry, source: 'redis' };
    } finally {
      if (ticket && !isTicketUsed) memory?.leave(ticket);
    }
  }

  #mayBeServed(entry: Entry, asked: Asked, certain?: AskedStamps): boolean | Promise<boolean> {
    if (certain) return this.#isCertain(entry, asked, certain);
    const { registry } = this.engine;
    const { clearTags } = asked;
    const verdict = registry.verdict(clearTags, entry.tags, entry.asOf);
    return verdict ?? registry.isValid(clearTags, entry.tags, entry.asOf);
  }

  async #isCertain({ tags, asOf }: Entry, asked: Asked, certain: AskedStamps): Promise<boolean> {
    const all = [CLOCK, ...asked.clearTags, ...tags];
    let stamps = await certain;
    // All of them again: the stamps of two answers may be those of a registry that was lost and of the next one.
    if (!all.every((tag) => stamps.has(tag))) stamps = await this.#ask(all);
    if (asOf > (stamps.get(CLOCK) as Stamp)) return false;
    return all.every((tag) => tag === CLOCK || (stamps.get(tag) as Stamp) <= asOf);
  }

  /** Asked of the store in the tick in which the entry is, for the tags that it had last time, too. */
  #stampsOf({ key, clearTags, tags = [] }: Asked): AskedStamps {
    const { memory, options } = this.engine;
    const before = memory?.get(key, options.clock.now())?.tags ?? [];
    return this.#ask([CLOCK, ...clearTags, ...tags, ...before]);
  }

  async #ask(tags: readonly string[]): AskedStamps {
    const asked = [...new Set(tags)];
    const stamps = await this.engine.registry.stampsInStore(asked);
    return new Map(asked.map((tag, index) => [tag, stamps[index] as Stamp]));
  }
}

type AskedStamps = Promise<Map<string, Stamp>>;

const answers = (entry: Entry, fingerprint: Asked['fingerprint']): boolean =>
  fingerprint === ANY_QUESTION || entry.fingerprint === fingerprint;
