import slotOf from 'cluster-key-slot';
import type { RedisConnection } from '../redis/redis-connection.js';
import { quoted } from './glob.js';
import { keyMessage, patternMessage } from './invalidation-bus.js';
import { busChannel, leaseKey, registryKey } from './key-space.js';
import { scripts, type Script } from './redis-scripts.js';
import {
  type CounterBasis,
  type CounterResult,
  type Fill,
  type Lease,
  type LeaseRequest,
  type Stamps,
  Store,
  StoreRefusal,
  type Write,
} from './store.js';

/** The longest that any entry may live: older stamps are pruned, so no entry may outlive its stamps. */
export const LONGEST_LIFE = 366 * 24 * 3_600_000;

/** The store that all processes share. One call is one command, or one per slot in a cluster: one round trip. */
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

  read(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    return this.#bySlot(keys, (some) => this.redis.readMany(some));
  }

  async write(writes: readonly Write[]): Promise<void> {
    await this.#bySlot(writes, (some) => this.#store(some));
  }

  async remove(keys: readonly string[]): Promise<number> {
    const removed: number[] = [];
    await this.#bySlot(keys, async (some) => {
      for (let from = 0; from < some.length; from += MOST_REMOVED) {
        const part = some.slice(from, from + MOST_REMOVED);
        const args = [this.#channel, this.#message(part)];
        removed.push(Number(await this.#run(scripts.remove, withLeases(part), args)));
      }
      return [...some];
    });
    return removed.reduce((sum, count) => sum + count, 0);
  }

  async acquire(requests: readonly LeaseRequest[]): Promise<(string | undefined)[]> {
    return this.#bySlot(requests, async (some) => {
      const keys = some.map(({ key }) => leaseKey(key));
      const args = some.flatMap(({ lease, lifetime, newerThan }) => [
        lease.text,
        String(lifetime),
        String(newerThan),
        lease.fingerprint,
      ]);
      const held = (await this.#run(scripts.acquire, keys, args)) as unknown[];
      return held.map((one) => (one === 1 ? undefined : String(one)));
    });
  }

  async extend(key: string, lease: Lease, lifetime: number): Promise<boolean> {
    return (await this.#run(scripts.extend, [leaseKey(key)], [lease.text, String(lifetime)])) === 1;
  }

  async fill(fills: readonly Fill[]): Promise<boolean[]> {
    return this.#bySlot(fills, (some) => this.#store(some));
  }

  async release(key: string, lease: Lease): Promise<void> {
    await this.#run(scripts.release, [leaseKey(key)], [lease.text, this.#channel, this.#message([key])]);
  }

  async increment(key: string, by: number, basis: CounterBasis): Promise<CounterResult> {
    const reply = await this.#run(
      scripts.increment,
      [key, leaseKey(key)],
      [
        String(by),
        String(basis.clearedAt),
        String(basis.now),
        basis.header,
        String(basis.lifetime),
        this.#channel,
        this.#message([key]),
      ],
    );
    const text = String(reply);
    if (text === 'not an integer' || text === 'unsafe' || text === 'tagged') return { refused: text };
    return { value: Number(text) };
  }

  async stamps(tags: readonly string[]): Promise<Stamps> {
    const reply = (await this.#run(scripts.stamps, [this.#registry], [this.#channel, ...tags])) as string[];
    const [clock, ...of] = reply.map(Number);
    return { clock: clock as number, of };
  }

  async invalidate(tags: readonly string[]): Promise<number> {
    const args = [this.#channel, this.sender, String(LONGEST_LIFE), ...tags];
    return Number(await this.#run(scripts.invalidate, [this.#registry], args));
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

  /** Gives whether each was stored. */
  async #store(writes: readonly Stored[]): Promise<boolean[]> {
    return (await Promise.all(parted(writes).map(async (part) => this.#storePart(part)))).flat();
  }

  async #storePart(writes: readonly Stored[]): Promise<boolean[]> {
    const keys = writes.map(({ key }) => key);
    // In one piece: each piece of bytes among texts costs the client a chunk of its own to write.
    const [first] = writes;
    const frames =
      first && writes.length === 1 ? first.bytes : Buffer.concat(writes.map(({ bytes }) => bytes));
    const args: (string | Buffer)[] = [this.#channel, this.#message(keys), frames];
    for (const { bytes, lifetime, lease } of writes)
      args.push(String(bytes.length), String(Math.min(lifetime, LONGEST_LIFE)), lease?.text ?? '');
    const stored = (await this.#run(scripts.store, withLeases(keys), args)) as number[];
    return stored.map((one) => one === 1);
  }

  async #run(script: Script, keys: string[], args: (string | Buffer)[]): Promise<unknown> {
    try {
      return await this.redis.run(script, keys, args);
    } catch (error) {
      if (error instanceof Error && FULL.test(error.message)) throw new StoreRefusal(error.message);
      throw error;
    }
  }

  /** One command can't reach keys of several slots of a cluster: one for each slot then, all sent together. */
  #bySlot<Item extends string | { key: string }, Result>(
    items: readonly Item[],
    call: (some: readonly Item[]) => Promise<Result[]>,
  ): Promise<Result[]> {
    if (items.length === 0) return Promise.resolve([]);
    if (!this.redis.isCluster || items.length === 1) return call(items);
    return this.#bySlots(items, call);
  }

  async #bySlots<Item extends string | { key: string }, Result>(
    items: readonly Item[],
    call: (some: readonly Item[]) => Promise<readonly Result[]>,
  ): Promise<Result[]> {
    const slots = new Map<number, number[]>();
    items.forEach((item, index) => {
      const slot = slotOf(typeof item === 'string' ? item : item.key);
      const indexes = slots.get(slot);
      if (indexes) indexes.push(index);
      else slots.set(slot, [index]);
    });
    const results: Result[] = [];
    await Promise.all(
      [...slots.values()].map(async (indexes) => {
        const some = await call(indexes.map((index) => items[index] as Item));
        indexes.forEach((index, at) => (results[index] = some[at] as Result));
      }),
    );
    return results;
  }

  #message(keys: readonly string[]): string {
    return keyMessage(this.sender, keys);
  }
}

/** A script holds up everybody while it runs. */
const MOST_REMOVED = 1_000;

type Stored = Write & { lease?: Lease };

/** What goes into one command: it must not hold up others for long, nor exceed what Redis takes as one argument. */
const MOST_BYTES = 1024 * 1024;

function parted(writes: readonly Stored[]): Stored[][] {
  const parts: Stored[][] = [];
  let room = 0;
  for (const write of writes) {
    room -= write.bytes.length;
    const last = parts.at(-1);
    if (last && room >= 0) {
      last.push(write);
    } else {
      parts.push([write]);
      room = MOST_BYTES - write.bytes.length;
    }
  }
  return parts;
}

const withLeases = (keys: readonly string[]): string[] => keys.flatMap((key) => [key, leaseKey(key)]);

/** `maxmemory` is reached and nothing may be evicted: commands that need no memory still work. */
const FULL = /\bOOM command not allowed/;
