import { randomUUID } from 'node:crypto';
import type { ResolvedCacheOptions } from '../cache.options.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { decodeEntry, encodeEntry, freshness, type Entry, type Stamp } from './entry.js';
import { CacheEvents } from './cache-events.js';
import { InvalidationBus } from './invalidation-bus.js';
import { busChannel, patternMatcher, patternPrefix, type Scope } from './key-space.js';
import { MemoryStore } from './memory.store.js';
import { MemoryTier } from './memory-tier.js';
import { Outage, type Invalidation } from './outage.js';
import { RedisStore } from './redis.store.js';
import { SingleFlight } from './single-flight.js';
import type { CounterResult, Store } from './store.js';
import { TagRegistry } from './tag-registry.js';

/** An entry that may be served, and the tier that had it. */
export interface Found {
  entry: Entry;
  source: 'memory' | 'redis';
}

/**
 * The tiers as one: memory in front of the store, the registry that judges both, the bus that tells of other
 * processes, and the outage rule over every call. One per root namespace; all its child namespaces share it.
 */
export class CacheEngine {
  readonly id = randomUUID();
  readonly events = new CacheEvents();
  readonly flights = new SingleFlight();
  readonly registry: TagRegistry;
  readonly outage: Outage;
  readonly bus: InvalidationBus;
  readonly store: Store;
  readonly memory: MemoryTier | undefined;
  /** Grows whenever the store is lost or found: what was loaded before must not be kept after. */
  epoch = 0;
  readonly #redis: RedisConnection | undefined;

  constructor(readonly options: ResolvedCacheOptions) {
    this.bus = new InvalidationBus(this.id, {
      onKey: (key) => this.#forget(key),
      onTags: (stamp, tags) => this.registry.learn(stamp, tags),
      onPattern: (prefix, glob) => this.#forgetMatching(patternMatcher(prefix, glob)),
    });
    this.#redis = options.redis === false ? undefined : new RedisConnection(options.redis);
    const limits = options.memory || { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024, ttl: 0 };
    this.store = this.#redis
      ? new RedisStore(this.#redis, options.namespace, this.id)
      : new MemoryStore(limits, options.clock);
    // Without Redis the store itself is in memory: a tier in front of it would keep everything twice.
    this.memory = this.#redis && options.memory ? new MemoryTier(limits, options.memory.ttl) : undefined;
    this.registry = new TagRegistry((tags) => this.outage.read(() => this.store.stamps(tags)));
    this.outage = new Outage({
      ...options,
      isConnected: () => this.#redis?.isReady ?? true,
      ping: async () => this.#redis?.ping(),
      replay: (missed) => this.#replay(missed),
      onDown: (reason) => this.#onDown(reason),
      onUp: () => this.#onUp(),
    });
  }

  /** Connects in the background; waits for a first answer, but not longer than a caller may have to wait. */
  async start(patience: number): Promise<void> {
    this.registry.goAlone(this.options.clock.now());
    if (this.#redis) {
      this.#redis.subscribe(
        busChannel(this.options.namespace),
        (message) => this.bus.receive(message),
        () => this.#onMessagesLive(),
        () => this.#onMessagesLost(),
      );
      this.#redis.connect(() => this.outage.probeNow());
    } else {
      this.outage.probeNow();
    }
    await this.outage.settled(patience);
  }

  async close(): Promise<void> {
    this.outage.close();
    await this.#redis?.close();
    this.memory?.clear();
  }

  /** What memory has, if it may be served; never asks the store. */
  peek(key: string, clearTags: readonly string[], fingerprint?: string): Found | undefined {
    const entry = this.memory?.get(key, this.options.clock.now());
    if (!entry || entry.fingerprint !== fingerprint) return undefined;
    const verdict = this.registry.verdict([...clearTags, ...entry.tags], entry.asOf);
    if (verdict === false) this.memory?.drop(key);
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
    fingerprint?: string,
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
    fingerprint?: string,
  ): Promise<(Found | undefined)[]> {
    const tickets = keys.map((key) => this.memory?.take(key));
    try {
      const frames = await this.outage.read(() => this.store.read(keys));
      return await Promise.all(
        frames.map(async (bytes, index) => {
          const entry = bytes && this.#decode(keys[index] as string, bytes);
          if (!entry || entry.fingerprint !== fingerprint) return undefined;
          if (freshness(entry, this.options.clock.now()) === 'expired') return undefined;
          if (!(await this.registry.isValid([...clearTags, ...entry.tags], entry.asOf))) return undefined;
          const ticket = tickets[index];
          if (ticket) {
            tickets[index] = undefined;
            this.memory?.put(ticket, entry, this.options.clock.now());
          }
          return { entry, source: 'redis' as const };
        }),
      );
    } finally {
      for (const ticket of tickets) if (ticket) this.memory?.leave(ticket);
    }
  }

  /** Stores entries whatever was there, ending loads of their keys. `made` gets the stamp they are as of. */
  async write(
    made: (asOf: Stamp) => readonly { key: string; entry: Entry }[],
    keys: readonly string[],
  ): Promise<void> {
    await this.#change(keys, async () => {
      const { epoch } = this;
      const tickets = keys.map((key) => this.memory?.take(key));
      try {
        const entries = made(await this.asOf());
        const frames = entries.map(({ key, entry }) => ({
          key,
          bytes: encodeEntry(entry),
          lifetime: entry.staleUntil - entry.storedAt,
        }));
        await this.outage.write(
          async () => {
            this.#assertSame(epoch);
            await this.store.write(frames);
          },
          { keys },
        );
        entries.forEach(({ entry }, index) => {
          const ticket = tickets[index];
          tickets[index] = undefined;
          if (ticket) this.memory?.put(ticket, entry, this.options.clock.now());
        });
      } finally {
        for (const ticket of tickets) if (ticket) this.memory?.leave(ticket);
      }
    });
  }

  async remove(keys: readonly string[]): Promise<number> {
    let removed = 0;
    await this.#change(keys, async () => {
      removed = await this.outage.write(() => this.store.remove(keys), { keys });
    });
    return removed;
  }

  /** Removes a namespace's user keys that match, their leases, and what memory holds of them anywhere. */
  async removeMatching(scope: Scope, glob: string): Promise<number> {
    const matches = patternMatcher(scope.prefix, glob);
    let removed = 0;
    this.#forgetMatching(matches);
    try {
      for await (const keys of this.#scanned(patternPrefix(scope.prefix, glob))) {
        const matching = keys.filter(matches);
        if (matching.length > 0) removed += await this.outage.offer(() => this.store.remove(matching));
      }
      await this.outage.offer(() => this.store.announcePattern(scope.prefix, glob));
    } catch (error) {
      const undo = { tags: [scope.clearTag] };
      this.outage.missed(undo);
      this.registry.stampAlone(undo.tags);
      throw error;
    } finally {
      this.#forgetMatching(matches);
    }
    return removed;
  }

  /** One step on the store; a counter older than the last clear starts anew, with the header that `made` gives. */
  async increment(
    key: string,
    by: number,
    clearTags: readonly string[],
    made: (asOf: Stamp) => Entry,
  ): Promise<CounterResult> {
    let result: CounterResult | undefined;
    await this.#change([key], async () => {
      const { epoch } = this;
      const clearedAt = await this.registry.newest(clearTags);
      const entry = made(await this.registry.asOf());
      const basis = {
        clearedAt,
        now: entry.storedAt,
        header: encodeEntry(entry),
        lifetime: entry.staleUntil - entry.storedAt,
      };
      result = await this.outage.write(async () => {
        this.#assertSame(epoch);
        return this.store.increment(key, by, basis);
      }, {});
    });
    return result as CounterResult;
  }

  async invalidate(tags: readonly string[]): Promise<void> {
    try {
      const stamp = await this.outage.write(() => this.store.invalidate(tags), { tags });
      this.registry.learn(stamp, tags);
    } catch (error) {
      this.registry.stampAlone(tags);
      throw error;
    }
  }

  async asOf(): Promise<Stamp> {
    try {
      return await this.registry.asOf();
    } catch (error) {
      if (this.outage.isDown) return this.registry.asOf();
      throw error;
    }
  }

  /** Loads and memory forget the keys before the change begins and again when it is done. */
  async #change(keys: readonly string[], change: () => Promise<void>): Promise<void> {
    for (const key of keys) this.#forget(key);
    try {
      await change();
    } catch (error) {
      for (const key of keys) this.#forget(key);
      throw error;
    } finally {
      for (const key of keys) this.flights.detach(key);
    }
  }

  /** A stamp from before the store was lost or found says nothing about what the store knows. */
  #assertSame(epoch: number): void {
    if (epoch !== this.epoch) throw new Error('the connection changed meanwhile');
  }

  #forget(key: string): void {
    this.memory?.drop(key);
    this.flights.detach(key);
  }

  #forgetMatching(matches: (key: string) => boolean): void {
    this.memory?.dropWhere(matches);
    this.flights.detachWhere(matches);
  }

  async *#scanned(prefix: string): AsyncIterable<string[]> {
    const batches = this.store.scan(prefix)[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await this.outage.read(() => batches.next());
      if (done) return;
      yield value;
    }
  }

  #decode(key: string, bytes: Buffer): Entry | undefined {
    const entry = decodeEntry(bytes);
    if (!entry) this.events.emit('unreadable', { key });
    return entry;
  }

  async #replay({ keys, tags }: Required<Invalidation>): Promise<void> {
    await this.store.remove(keys);
    if (tags.length > 0) await this.store.invalidate(tags);
  }

  #onDown(reason: string): void {
    this.epoch += 1;
    this.memory?.clear();
    this.registry.goAlone(this.options.clock.now());
    this.events.emit('down', { reason });
  }

  #onUp(): void {
    this.epoch += 1;
    this.memory?.clear();
    this.registry.goShared();
    if (!this.#redis) this.registry.goLive(); // one process: nobody else's messages can be missed
    this.events.emit('up', {});
  }

  #onMessagesLive(): void {
    this.memory?.clear();
    this.registry.goLive();
  }

  #onMessagesLost(): void {
    this.memory?.clear();
    this.registry.goCold();
  }
}
