import type { RedisConnection } from '../redis/redis-connection.js';
import { quoted } from './glob.js';
import { keyMessage, patternMessage } from './invalidation-bus.js';
import { busChannel, leaseKey, registryKey } from './key-space.js';
import { scripts } from './redis-scripts.js';
import {
  type CounterBasis,
  type CounterResult,
  type Lease,
  type Stamps,
  Store,
  type Write,
} from './store.js';

/** The longest that any entry may live: older stamps are pruned, so no entry may outlive its stamps. */
export const LONGEST_LIFE = 366 * 24 * 3_600_000;

/** The store that all processes share. Commands of one call are sent together: one round trip. */
export class RedisStore extends Store {
  readonly #registry: string;
  readonly #channel: string;

  constructor(
    private readonly redis: RedisConnection,
    root: string,
    /** Who sends: a process skips its own messages. */
    private readonly sender: string,
  ) {
    super();
    this.#registry = registryKey(root);
    this.#channel = busChannel(root);
  }

  async read(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    return Promise.all(keys.map((key) => this.redis.get(key)));
  }

  async write(writes: readonly Write[]): Promise<void> {
    await Promise.all(writes.map((write) => this.#store(write, '')));
  }

  async remove(keys: readonly string[]): Promise<number> {
    const removed = await Promise.all(
      keys.map((key) =>
        this.redis.run(scripts.remove, [key, leaseKey(key)], [this.#channel, this.#message(key)]),
      ),
    );
    return removed.reduce<number>((sum, one) => sum + Number(one), 0);
  }

  async acquire(key: string, lease: Lease, lifetime: number, newerThan: number): Promise<boolean> {
    const args = [lease.text, String(lifetime), String(newerThan), lease.fingerprint];
    return (await this.redis.run(scripts.acquire, [leaseKey(key)], args)) === 1;
  }

  async extend(key: string, lease: Lease, lifetime: number): Promise<boolean> {
    return (await this.redis.run(scripts.extend, [leaseKey(key)], [lease.text, String(lifetime)])) === 1;
  }

  async fill(write: Write, lease: Lease): Promise<boolean> {
    return this.#store(write, lease.text);
  }

  async release(key: string, lease: Lease): Promise<void> {
    await this.redis.run(scripts.release, [leaseKey(key)], [lease.text, this.#channel, this.#message(key)]);
  }

  async increment(key: string, by: number, basis: CounterBasis): Promise<CounterResult> {
    const reply = await this.redis.run(
      scripts.increment,
      [key, leaseKey(key)],
      [
        String(by),
        String(basis.clearedAt),
        String(basis.now),
        basis.header,
        String(basis.lifetime),
        this.#channel,
        this.#message(key),
      ],
    );
    const text = String(reply);
    if (text === 'not an integer' || text === 'unsafe' || text === 'tagged') return { refused: text };
    return { value: Number(text) };
  }

  async stamps(tags: readonly string[]): Promise<Stamps> {
    const reply = (await this.redis.run(
      scripts.stamps,
      [this.#registry],
      [this.#channel, ...tags],
    )) as string[];
    const [clock, ...of] = reply.map(Number);
    return { clock: clock as number, of };
  }

  async invalidate(tags: readonly string[]): Promise<number> {
    const args = [this.#channel, this.sender, String(LONGEST_LIFE), ...tags];
    return Number(await this.redis.run(scripts.invalidate, [this.#registry], args));
  }

  async announcePattern(prefix: string, glob: string): Promise<void> {
    await this.redis.publish(this.#channel, patternMessage(this.sender, prefix, glob));
  }

  async *scan(prefix: string): AsyncIterable<string[]> {
    const literal = quoted(prefix);
    // Leases first: a load that ends in between has its entry by the time that entries are looked for.
    const opening = leaseKey('').slice(0, -1); // a lease is named by its entry: l:{…}
    for await (const leases of this.redis.scan(`${opening}${literal}*`)) {
      yield leases.map((lease) => lease.slice(opening.length, -1));
    }
    yield* this.redis.scan(`${literal}*`);
  }

  async #store({ key, bytes, lifetime }: Write, leaseText: string): Promise<boolean> {
    const args = [
      bytes,
      String(Math.min(lifetime, LONGEST_LIFE)),
      this.#channel,
      this.#message(key),
      leaseText,
    ];
    return (await this.redis.run(scripts.store, [key, leaseKey(key)], args)) === 1;
  }

  #message(key: string): string {
    return keyMessage(this.sender, key);
  }
}
