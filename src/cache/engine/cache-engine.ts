import { randomUUID } from 'node:crypto';
import { CacheUnavailableError } from '../cache.errors.js';
import { DEFAULT_BOUNDS, type ResolvedCacheOptions } from '../cache.options.js';
import { RedisConnection } from '../redis/redis-connection.js';
import { Batch } from './batch.js';
import { OLDEST, type Stamp } from './entry.js';
import { CacheEvents } from './cache-events.js';
import { InvalidationBus } from './invalidation-bus.js';
import { busChannel, patternMatcher } from './key-space.js';
import { MemoryStore } from './memory.store.js';
import { MemoryTier } from './memory-tier.js';
import { Outage, type Invalidation } from './outage.js';
import { within } from './patience.js';
import { RedisStore } from './redis.store.js';
import { SingleFlight } from './single-flight.js';
import type { Fill, LeaseRequest, Store, Write } from './store.js';
import { TagRegistry } from './tag-registry.js';

/** The text of the lease that another holds, undefined when it is ours now; and the frame under its key. */
export interface Leased {
  holder: string | undefined;
  frame: Buffer | undefined;
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
  /** Frames of keys, and frames to be stored whatever is there: those of one tick go together. */
  readonly reads: Batch<string, Buffer | undefined>;
  readonly writes: Batch<{ write: Write; epoch: number }, void>;
  /** Leases that are wanted, and the frames that are there once they are had or not; and what was loaded under them. */
  readonly leases: Batch<LeaseRequest, Leased>;
  readonly fills: Batch<Fill, boolean>;
  /** Grows whenever the store is lost or found: what was loaded before must not be kept after. */
  epoch = 0;
  readonly #redis: RedisConnection | undefined;

  constructor(readonly options: ResolvedCacheOptions) {
    this.bus = new InvalidationBus(this.id, {
      onKey: (key) => this.forget(key),
      onTags: (stamp, tags) => this.registry.learn(stamp, tags),
      onPattern: (prefix, glob) => this.forgetMatching(patternMatcher(prefix, glob)),
      onReset: (stamp) => {
        if (this.registry.begin(stamp)) this.memory?.clear();
      },
    });
    this.#redis = options.redis === false ? undefined : new RedisConnection(options.redis);
    const bounds = boundsOfEach(options);
    this.store = this.#redis
      ? new RedisStore(this.#redis, options.namespace, this.id)
      : new MemoryStore(bounds, options.clock);
    const { redis, memory } = options;
    this.memory = memory ? new MemoryTier(bounds, memory.ttl, redis !== false) : undefined;
    this.reads = new Batch((keys) => this.outage.read(() => this.store.read(keys)));
    this.writes = new Batch((writes) => this.#write(writes));
    this.leases = new Batch((requests) => this.#lease(requests));
    this.fills = new Batch((fills) => this.outage.offer(() => this.store.fill(fills)));
    this.registry = new TagRegistry((tags) => this.outage.read(() => this.store.stamps(tags)));
    this.outage = new Outage({
      ...options,
      isConnected: () => this.#redis?.isReady ?? true,
      ping: async () => this.#redis?.ping(),
      reconnect: () => this.#redis?.reconnect(),
      replay: (missed) => this.#replay(missed),
      onDown: (reason) => this.#onDown(reason),
      onUp: () => this.#onUp(),
    });
  }

  /** Connects in the background; waits until Redis answers and messages arrive, but not for longer than `patience`. */
  async start(patience: number): Promise<void> {
    this.registry.goAlone(this.options.clock.now());
    let heard!: () => void;
    const live = new Promise<void>((resolve) => (heard = resolve));
    if (this.#redis) {
      this.#redis.subscribe(
        busChannel(this.options.namespace),
        (message) => this.bus.receive(message),
        () => {
          this.#onMessagesLive();
          heard();
        },
        () => this.#onMessagesLost(),
      );
      this.#redis.connect(
        () => this.outage.probeNow(),
        () => this.outage.lost(),
      );
    } else {
      this.outage.probeNow();
      heard();
    }
    await Promise.all([this.outage.settled(patience), within(live, patience)]);
  }

  async close(): Promise<void> {
    this.outage.close();
    this.#startAnew();
    this.registry.goAlone(this.options.clock.now());
    await this.#redis?.close();
  }

  /** What memory holds of a key may be old, and so may what is being loaded for it. */
  forget(key: string): void {
    this.memory?.drop(key);
    this.flights.detach(key);
  }

  forgetMatching(matches: (key: string) => boolean): void {
    this.memory?.dropWhere(matches);
    this.flights.detachWhere(matches);
  }

  /** A command of a caller with a key layout of its own, under the same deadline. Needs Redis. */
  async command(args: readonly string[]): Promise<unknown> {
    const redis = this.#redis;
    if (!redis) throw new CacheUnavailableError('This cache is in memory, there is no Redis');
    return this.outage.read(() => redis.command(args));
  }

  /** For loads outside: without the store a stamp would be one of this host's clock, which nobody may trust. */
  async asOf(): Promise<Stamp> {
    return this.outage.isDown ? OLDEST : this.registry.asOf().catch(() => OLDEST);
  }

  /** A stamp from before the store was lost or found says nothing about what the store knows. */
  assertSame(epoch: number): void {
    if (epoch !== this.epoch) throw new Error('the connection changed meanwhile');
  }

  async #write(writes: readonly { write: Write; epoch: number }[]): Promise<void[]> {
    const keys = writes.map(({ write }) => write.key);
    await this.outage.write(
      async () => {
        for (const { epoch } of writes) this.assertSame(epoch);
        await this.store.write(writes.map(({ write }) => write));
      },
      { keys },
    );
    return [];
  }

  /** The frames are asked for behind the leases: they hold what was stored until then. */
  async #lease(requests: readonly LeaseRequest[]): Promise<Leased[]> {
    const keys = requests.map(({ key }) => key);
    const [holders, frames] = await Promise.all([
      this.outage.offer(() => this.store.acquire(requests)),
      this.outage.read(() => this.store.read(keys)),
    ]);
    return holders.map((holder, index) => ({ holder, frame: frames[index] }));
  }

  async #replay({ keys, tags }: Required<Invalidation>): Promise<void> {
    await this.store.remove(keys);
    if (tags.length > 0) await this.store.invalidate(tags);
  }

  #startAnew(): void {
    this.epoch += 1;
    this.#forgetAll();
  }

  /** What is loaded or kept may be older than a message that was missed. */
  #forgetAll(): void {
    this.memory?.clear();
    this.flights.detachWhere(() => true);
  }

  #onDown(reason: string): void {
    this.#startAnew();
    this.registry.goAlone(this.options.clock.now());
    this.events.emit('down', { reason });
  }

  #onUp(): void {
    this.#startAnew();
    this.registry.goShared();
    if (!this.#redis) this.registry.goLive(); // one process: nobody else's messages can be missed
    this.events.emit('up', {});
  }

  #onMessagesLive(): void {
    this.#forgetAll();
    this.registry.goLive();
  }

  #onMessagesLost(): void {
    this.#forgetAll();
    this.registry.goCold();
  }
}

/** Without Redis there is the store and the tier in front of it: both together keep within the bounds. */
function boundsOfEach({ redis, memory }: ResolvedCacheOptions): typeof DEFAULT_BOUNDS {
  const { maxEntries, maxBytes } = memory || DEFAULT_BOUNDS;
  return { maxEntries, maxBytes: redis === false ? Math.ceil(maxBytes / 2) : maxBytes };
}
