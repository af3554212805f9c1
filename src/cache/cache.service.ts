import type { Duration } from '../duration.js';
import type { Variables } from '../environment.js';
import { shown } from '../errors.js';
import { CacheCounterError, CacheOptionsError, CacheUnavailableError } from './cache.errors.js';
import { resolveCacheOptions, type CacheModuleOptions, type ResolvedCacheOptions } from './cache.options.js';
import { statsOf, type CacheStats } from './cache-stats.js';
import { CacheEngine } from './engine/cache-engine.js';
import type { CacheEvent, CacheEventMap } from './engine/cache-events.js';
import { Changes } from './engine/changes.js';
import { encodeValue } from './engine/codec.js';
import type { Entry, Stamp } from './engine/entry.js';
import type { EntryLead, EntryRequest, FoundEntry } from './engine/entry-access.js';
import type { KeptEntry } from './engine/kept-entry.js';
import { checkedName, Scope } from './engine/key-space.js';
import type { Question } from './engine/lead.js';
import { Lookup, type Found } from './engine/lookup.js';
import { ReadThrough } from './engine/read-through.js';
import { FactoryRuns, type Factory } from './factory.js';
import { newEntry, resolveSetOptions, type GetOrSetOptions, type SetOptions } from './set-options.js';
import { invalidationTags, modelClearTags, RegistryTags, userTags, type ModelLike } from './tags.js';
import { ValueReads } from './value-reads.js';
import { Values } from './values.js';

const PATIENCE_AT_START = 1_000;
/** Its payload, the digits, is written by the store. */
const COUNTER = { codec: 'json', payload: Buffer.alloc(0) } as const;

/**
 * The cache over Redis. All durations are seconds, or strings with a unit. Without Redis reads miss and writes
 * are remembered as invalidations (`onOutage: 'throw'`: both throw CacheUnavailableError); counters always throw.
 *
 * Every method throws CacheKeyError for a key that is empty, longer than 2,048 characters, or holds NUL.
 */
export class CacheService {
  readonly #engine: CacheEngine;
  readonly #scope: Scope;
  readonly #changes: Changes;
  readonly #lookup: Lookup;
  readonly #readThrough: ReadThrough;
  readonly #values: Values;
  readonly #reads: ValueReads;
  readonly #registryTags: RegistryTags;
  readonly #runs: FactoryRuns;

  /** @internal made by `createCache`, CacheModule and `namespace` */
  constructor(engine: CacheEngine, scope: Scope = Scope.of(engine.options.namespace), parent?: CacheService) {
    this.#engine = engine;
    this.#scope = scope;
    this.#changes = new Changes(engine);
    this.#lookup = new Lookup(engine);
    this.#readThrough = new ReadThrough(engine, this.#lookup);
    this.#registryTags = new RegistryTags(scope.name);
    this.#values = parent ? parent.#values : new Values(engine);
    this.#runs = parent ? parent.#runs : new FactoryRuns();
    this.#reads = new ValueReads({
      engine,
      scope,
      readThrough: this.#readThrough,
      values: this.#values,
      registryTags: (tags) => this.registryTags(tags),
      remove: (keys) => this.#changes.remove(keys),
      runs: this.#runs,
    });
  }

  /** The fresh value under a key. `null`, `0`, `''` and `false` are values; `undefined` is a miss. */
  get<T = unknown>(key: string): Promise<T | undefined> {
    return this.#reads.get<T>(key);
  }

  /** The fresh values of those keys that have one, in one round trip. */
  async getMany<T = unknown>(keys: readonly string[]): Promise<Map<string, T>> {
    const values = await Promise.all(keys.map((key) => this.get<T>(key)));
    const found = new Map<string, T>();
    keys.forEach((key, index) => {
      if (values[index] !== undefined) found.set(key, values[index]);
    });
    return found;
  }

  /**
   * Stores a value. `undefined` and `ttl: 0` delete the key instead.
   *
   * @throws CacheValueError for what has no faithful bytes, DurationError for a bad ttl
   */
  set(key: string, value: unknown, options?: Duration | SetOptions): Promise<void> {
    return this.#set([[key, value]], options);
  }

  /** Stores several values, in one round trip. */
  async setMany(
    entries: Iterable<readonly [key: string, value: unknown]>,
    options?: Duration | SetOptions,
  ): Promise<void> {
    await this.#set([...new Map(entries)], options);
  }

  /**
   * The value under a key, or that of the factory, stored. One factory runs per key, in all processes; those who
   * ask meanwhile get its result, or its error. A stale value is served at once and loaded anew in the background.
   *
   * @throws whatever the factory throws; CacheFactoryTimeoutError when it takes longer than `timeout.hard`;
   * CacheValueError for a result that has no faithful bytes
   */
  getOrSet<T>(key: string, factory: Factory<T>, options?: Duration | GetOrSetOptions): Promise<T> {
    return this.#reads.getOrSet(key, factory, options);
  }

  /** cache-manager's name for `getOrSet`. */
  async wrap<T>(key: string, factory: Factory<T>, options?: Duration | GetOrSetOptions): Promise<T> {
    return this.getOrSet(key, factory, options);
  }

  /** Whether `get` would find something: an entry that was invalidated is not there. */
  async has(key: string): Promise<boolean> {
    return (await this.#reads.fresh(key)) !== undefined;
  }

  /** Seconds for which the entry stays fresh, undefined when there is none. */
  async ttl(key: string): Promise<number | undefined> {
    const found = await this.#reads.fresh(key);
    return found && (found.entry.freshUntil - this.#engine.options.clock.now()) / 1_000;
  }

  /** Deletes keys, and keeps loads under way from storing them. Gives how many were there. */
  async delete(...keys: string[]): Promise<number> {
    const entryKeys = keys.map((key) => this.#scope.key(key));
    return entryKeys.length === 0 ? 0 : this.#forgiving(0, () => this.#changes.remove(entryKeys));
  }

  /**
   * Adds to a counter, atomically over all processes. A missing one starts from 0 and then lives for `ttl`,
   * which later increments leave as it is.
   *
   * @throws CacheCounterError for what is not a safe integer, CacheUnavailableError when Redis is away
   */
  async increment(key: string, by = 1, options: { ttl?: Duration } = {}): Promise<number> {
    if (!Number.isSafeInteger(by)) throw new CacheCounterError(key, `can't be changed by ${shown(by)}`);
    const { ttl } = resolveSetOptions(options, this.options, () => []);
    if (ttl === 0)
      throw new CacheOptionsError({ problem: 'the ttl of a counter is 0', expected: 'more than 0' });
    const entryKey = this.#scope.key(key);
    for (let tries = 0; tries < 3; tries += 1) {
      const result = await this.#changes.increment(entryKey, by, this.#scope.clearTags, (asOf) =>
        newEntry(
          COUNTER,
          { ttl, staleTtl: 0, tags: [], asOf: undefined },
          asOf,
          this.#engine.options.clock.now(),
        ),
      );
      if ('value' in result) return result.value;
      if (result.refused === 'not an integer') throw new CacheCounterError(key, 'holds something else');
      if (result.refused === 'unsafe') throw new CacheCounterError(key, `can't be changed by ${by} safely`);
      // It has tags, which only a read can judge: if they still hold it is a counter all the same, without them.
      const current = await this.get(key);
      if (current === undefined) await this.#changes.remove([entryKey]);
      else throw new CacheCounterError(key, 'is an entry with tags');
    }
    throw new CacheUnavailableError(`The counter ${shown(key)} kept changing`);
  }

  /** `increment` by `-by`. */
  async decrement(key: string, by = 1, options: { ttl?: Duration } = {}): Promise<number> {
    return this.increment(key, -by, options);
  }

  /** Makes everything that carries one of the tags a miss, in O(1), whatever the number of entries. */
  async invalidateTags(...tags: string[]): Promise<void> {
    const registryTags = tags.flatMap((tag) =>
      invalidationTags(checkedName('The tag', tag), this.#scope.name),
    );
    await this.invalidateRegistryTags(registryTags);
  }

  /** Makes every cached query and page of a Mongoose model a miss. A name means it on all connections. */
  async clearModelCache(model: string | ModelLike): Promise<void> {
    await this.invalidateRegistryTags(modelClearTags(model));
  }

  /**
   * Deletes the keys of this namespace that match a Redis glob (`*`, `?`, `[a-z]`, backslash quotes); `**` means
   * all keys, those of child namespaces too. Gives how many were there. Walks all keys: O(keys in the database).
   */
  async clearPattern(glob: string): Promise<number> {
    checkedName('The pattern', glob);
    return this.#forgiving(0, () => this.#changes.removeMatching(this.#scope, glob));
  }

  /** Makes everything in this namespace and its children a miss, in O(1). Other keys of the database stay. */
  async clear(): Promise<void> {
    await this.invalidateRegistryTags([this.#scope.clearTag]);
  }

  /** A scope with keys and tags of its own, inside this one: `clear()` here clears it too. */
  namespace(name: string): CacheService {
    return new CacheService(this.#engine, this.#scope.child(name), this);
  }

  /** What the registry knows now, for a `set` after a load of one's own. */
  async asOf(): Promise<Stamp> {
    return this.#engine.asOf();
  }

  stats(): CacheStats {
    return statsOf(this.#engine);
  }

  /** Calls the listener at each such event; gives the function that ends that. */
  on<E extends CacheEvent>(event: E, listener: (detail: CacheEventMap[E]) => void): () => void {
    return this.#engine.events.on(event, listener);
  }

  /** Ends connections that the cache opened. Loads in the background are aborted, not waited for. A child does nothing. */
  async close(): Promise<void> {
    if (this.#scope.path.length > 0) return;
    this.#runs.close();
    await this.#engine.close();
  }

  /** @internal for http/ and mongoose/ */
  get options(): ResolvedCacheOptions {
    return this.#engine.options;
  }

  /** @internal for http/ and mongoose/: entries whose bytes are their own */
  async openEntry(request: EntryRequest): Promise<FoundEntry | EntryLead> {
    return this.#readThrough.open(this.#question(request));
  }

  /** @internal for http/: the entry as it is, fresh or stale; nobody is given a lead, nothing is counted */
  async findEntry(request: EntryRequest): Promise<Found | undefined> {
    return this.#lookup.find(this.#question(request));
  }

  /**
   * @internal for http/: the fresh entry that memory keeps, where that is enough to know that it may be served. No
   * promise, no round trip; not counted as a hit before `countHit`.
   */
  peekEntry(request: EntryRequest): KeptEntry | undefined {
    const kept = this.#lookup.peek(this.#question(request));
    return kept && kept.freshUntil > this.options.clock.now() ? kept : undefined;
  }

  /** @internal an entry that was peeked at answers somebody */
  countHit(kept: KeptEntry): void {
    this.#engine.events.hit(kept.key, 'memory');
  }

  /** @internal the registry tags that an entry carries for users' tags */
  registryTags(tags: readonly string[]): string[] {
    return this.#registryTags.all(tags);
  }

  /** @internal users' tags, as users named them, for the registry tags that an entry carries */
  userTags(registryTags: readonly string[]): string[] {
    return userTags(registryTags, this.#scope.name);
  }

  /** @internal */
  async invalidateRegistryTags(tags: readonly string[]): Promise<void> {
    if (tags.length > 0) await this.#forgiving(undefined, () => this.#changes.invalidate(tags));
  }

  /** @internal for cache-manager/: a Redis command on this connection, under its deadline */
  async redisCommand(args: readonly string[]): Promise<unknown> {
    return this.#engine.command(args);
  }

  /** @internal what `get` gives for entries of a codec that is not the cache's own */
  decodeWith(codec: 'bson' | 'http', decode: (payload: Buffer) => unknown): void {
    this.#values.decodeWith(codec, decode);
  }

  async #set(
    entries: readonly (readonly [key: string, value: unknown])[],
    options: Duration | SetOptions | undefined,
  ): Promise<void> {
    const { events, options: bounds } = this.#engine;
    const resolved = resolveSetOptions(options, bounds, (tags) => this.registryTags(tags));
    const now = bounds.clock.now();
    const values: { key: string; encoded: Pick<Entry, 'codec' | 'payload'> }[] = [];
    const removals: string[] = [];
    for (const [userKey, value] of entries) {
      const key = this.#scope.key(userKey);
      if (value === undefined || resolved.ttl === 0) {
        removals.push(key);
        continue;
      }
      const encoded = encodeValue(value);
      const bytes = encoded.payload.length;
      if (bytes <= bounds.maxValueBytes) {
        values.push({ key, encoded });
      } else {
        events.emit('tooLarge', { key, bytes });
        removals.push(key);
      }
    }
    try {
      if (removals.length > 0) await this.#changes.remove(removals);
      if (values.length === 0) return;
      await this.#changes.write(
        values.map(({ key }) => key),
        (known) => values.map(({ encoded }) => newEntry(encoded, resolved, known, now)),
      );
    } catch (error) {
      this.#engine.outage.forgiven(error, undefined);
    }
  }

  #question({ key, hash, fingerprint, tags = [], renew }: EntryRequest): Question {
    const entryKey =
      hash === undefined ? this.#scope.key(key as string) : this.#scope.key(hash.value, hash.space);
    const { clearTags } = this.#scope;
    return {
      key: entryKey,
      clearTags,
      fingerprint,
      tags,
      isStrict: this.options.consistency === 'strict',
      luck: renew ? Infinity : 0,
    };
  }

  /** What a call gives without Redis, unless the application wants to know. */
  async #forgiving<T>(without: T, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      return this.#engine.outage.forgiven(error, without);
    }
  }
}

/**
 * The cache without Nest. Connects in the background; waits for a first answer for at most a second, so that an
 * application starts without Redis too.
 *
 * @throws CacheOptionsError, DurationError or EnvironmentError for options that can't be used
 */
export async function createCache(
  options?: CacheModuleOptions,
  variables?: Variables,
): Promise<CacheService> {
  const engine = new CacheEngine(resolveCacheOptions(options, variables));
  await engine.start(PATIENCE_AT_START);
  return new CacheService(engine);
}
