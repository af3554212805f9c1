import type { Duration } from '../duration.js';
import type { CacheEngine } from './engine/cache-engine.js';
import { freshness } from './engine/entry.js';
import type { EntryLead } from './engine/entry-access.js';
import { KeptEntry } from './engine/kept-entry.js';
import type { Scope } from './engine/key-space.js';
import { ANY_QUESTION, Lookup, type Asked, type Found } from './engine/lookup.js';
import { within } from './engine/patience.js';
import { QuickHits } from './engine/quick-hits.js';
import type { ReadThrough } from './engine/read-through.js';
import { runFactory, type Factory, type FactoryRuns, type FactoryTerms } from './factory.js';
import { areQuick, resolveGetOrSetOptions, type GetOrSetOptions } from './set-options.js';
import type { Values } from './values.js';

interface Parts {
  engine: CacheEngine;
  scope: Scope;
  readThrough: ReadThrough;
  values: Values;
  registryTags: (tags: readonly string[]) => string[];
  remove: (keys: readonly string[]) => Promise<unknown>;
  runs: FactoryRuns;
}

/** Reads of values by the user's keys: the quick way where memory has them, else the whole way. */
export class ValueReads {
  readonly #parts: Parts;
  readonly #engine: CacheEngine;
  readonly #values: Values;
  readonly #lookup: Lookup;
  readonly #quickHits: QuickHits;
  readonly #isStrict: boolean;

  constructor(parts: Parts) {
    const { engine, scope, values } = parts;
    this.#parts = parts;
    this.#engine = engine;
    this.#values = values;
    this.#lookup = new Lookup(engine);
    this.#quickHits = new QuickHits(engine, scope.clearTags);
    this.#isStrict = engine.options.consistency === 'strict';
  }

  // Neither of both is async: a hit of memory makes no promise but the one it gives.
  get<T>(key: string): Promise<T | undefined> {
    const kept = this.#isStrict ? undefined : this.#quickHits.find(key);
    return kept ? (kept.promise(this.#values.sharing) as Promise<T>) : this.#get<T>(key);
  }

  getOrSet<T>(key: string, factory: Factory<T>, options?: Duration | GetOrSetOptions): Promise<T> {
    const kept = !this.#isStrict && areQuick(options) ? this.#quickHits.find(key) : undefined;
    return kept ? (kept.promise(this.#values.sharing) as Promise<T>) : this.#getOrSet(key, factory, options);
  }

  /** The fresh entry under a key. */
  async fresh(key: string): Promise<Found | undefined> {
    return this.#fresh(this.#asked(key));
  }

  async #fresh(asked: Asked): Promise<Found | undefined> {
    const { options, outage } = this.#engine;
    try {
      const found = await this.#lookup.find(asked);
      return found && freshness(found.entry, options.clock.now()) === 'fresh' ? found : undefined;
    } catch (error) {
      return outage.forgiven(error, undefined);
    }
  }

  async #get<T>(userKey: string): Promise<T | undefined> {
    const { events } = this.#engine;
    const asked = this.#asked(userKey);
    const found = await this.#fresh(asked);
    const decoded = found && this.#values.of(asked.key, found.entry);
    if (decoded?.value === undefined) {
      events.emit('miss', { key: asked.key });
      return undefined;
    }
    if (found?.entry instanceof KeptEntry) this.#quickHits.remember(userKey, found.entry);
    events.hit(asked.key, found?.source ?? 'redis');
    return decoded.value as T;
  }

  async #getOrSet<T>(
    userKey: string,
    factory: Factory<T>,
    given: Duration | GetOrSetOptions | undefined,
  ): Promise<T> {
    const { readThrough, registryTags, runs } = this.#parts;
    const { options: defaults } = this.#engine;
    const options = resolveGetOrSetOptions(given, defaults, registryTags);
    const { tags, timeout, isStrict } = options;
    const named = this.#named(userKey);
    const luck = defaults.earlyRefresh ? Math.random() : 0;
    const opened = await readThrough.open({ ...named, tags, isStrict, luck });
    const terms = (stale?: unknown): FactoryTerms => {
      const { ttl, staleTtl } = options;
      return { key: userKey, ttl, staleTtl, tags, longest: timeout.hard, registryTags, runs, stale };
    };
    if (!opened.found) return runFactory(opened, factory, terms());

    const decoded = this.#values.of(named.key, opened.entry);
    if (decoded === undefined) {
      opened.refresh?.pass();
      await this.#parts.remove([named.key]).catch((error: unknown) => this.#engine.outage.forgiven(error, 0));
      return this.#getOrSet(userKey, factory, given);
    }
    if (opened.entry instanceof KeptEntry) this.#quickHits.remember(userKey, opened.entry);
    const { value } = decoded;
    if (!opened.refresh) return value as T;
    const loading = this.#refresh(named.key, opened.refresh, factory, terms(value));
    const loaded = opened.stale && timeout.soft > 0 ? await within(loading, timeout.soft) : undefined;
    return loaded ? loaded.value : (value as T);
  }

  /** The value in a box; none where the load fails, which only listeners of the event hear of. */
  async #refresh<T>(
    key: string,
    lead: EntryLead,
    factory: Factory<T>,
    terms: FactoryTerms,
  ): Promise<{ value: T } | undefined> {
    try {
      return { value: await runFactory(lead, factory, terms) };
    } catch (error) {
      this.#engine.events.emit('refreshFailed', { key, error });
      return undefined;
    }
  }

  #asked(userKey: string): Asked {
    const { scope } = this.#parts;
    const { clearTags } = scope;
    return {
      key: scope.key(userKey),
      clearTags,
      fingerprint: ANY_QUESTION,
      tags: undefined,
      isStrict: this.#isStrict,
    };
  }

  #named(key: string): { key: string; clearTags: readonly string[] } {
    const { scope } = this.#parts;
    return { key: scope.key(key), clearTags: scope.clearTags };
  }
}
