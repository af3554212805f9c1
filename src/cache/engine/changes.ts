import type { CacheEngine } from './cache-engine.js';
import { frameOf } from './frame.js';
import { isRefusal } from './outage.js';
import { encodeEntry, lifetimeOf, type Entry, type Stamp } from './entry.js';
import { patternMatcher, patternPrefix, type Scope } from './key-space.js';
import type { Ticket } from './memory-tier.js';
import type { CounterResult } from './store.js';

/**
 * Everything that makes cached answers old: each change is told to the store, to other processes, and to what
 * this process holds or is loading; one that the store could not be told is journalled.
 */
export class Changes {
  constructor(private readonly engine: CacheEngine) {}

  /** Stores an entry per key, whatever was there, ending loads. `made` gets the stamp they are as of. */
  async write(keys: readonly string[], made: (asOf: Stamp) => readonly Entry[]): Promise<void> {
    const { memory, options, outage, registry, writes } = this.engine;
    let epoch: number;
    let tickets: (Ticket | undefined)[] = [];
    let entries: readonly Entry[];
    let frames: readonly Buffer[];
    this.#forget(keys);
    try {
      do {
        // Again when the store was lost or found meanwhile, which a large value gives it time for.
        ({ epoch } = this.engine);
        const asOf = registry.clock ?? (await outage.sure(registry.asOf(), { keys }));
        entries = made(asOf);
        frames = await framesOf(entries, options.compression);
      } while (epoch !== this.engine.epoch);
      // In the order in which the store is told: what an earlier write stores loses its place in memory.
      this.#forget(keys);
      if (memory) tickets = keys.map((key) => memory.take(key));
      await together(
        entries.map((entry, index) => {
          const [key, bytes] = [keys[index] as string, frames[index] as Buffer];
          return writes.add({ write: { key, bytes, lifetime: lifetimeOf(entry) }, epoch });
        }),
      );
    } catch (error) {
      for (const ticket of tickets) if (ticket) memory?.leave(ticket);
      this.#forget(keys);
      if (isRefusal(error)) return this.#makeWay(keys);
      throw error;
    }
    keys.forEach((key, index) => {
      const ticket = tickets[index];
      if (ticket) memory?.replace(ticket, entries[index] as Entry, options.clock.now());
      this.engine.flights.detach(key);
    });
  }

  async remove(keys: readonly string[]): Promise<number> {
    return this.#change(keys, () => this.engine.outage.write(() => this.engine.store.remove(keys), { keys }));
  }

  /** Removes a namespace's user keys that match, their leases, and what memory holds of them anywhere. */
  async removeMatching(scope: Scope, glob: string): Promise<number> {
    const matches = patternMatcher(scope.prefix, glob);
    let removed = 0;
    this.engine.forgetMatching(matches);
    try {
      for await (const keys of this.#scanned(patternPrefix(scope.prefix, glob))) {
        const matching = keys.filter(matches);
        if (matching.length > 0)
          removed += await this.engine.outage.offer(() => this.engine.store.remove(matching));
      }
      await this.engine.outage.offer(() => this.engine.store.announcePattern(scope.prefix, glob));
    } catch (error) {
      const undo = { tags: [scope.clearTag] };
      this.engine.outage.missed(undo);
      this.engine.registry.stampAlone(undo.tags);
      throw error;
    } finally {
      this.engine.forgetMatching(matches);
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
    const { epoch, outage, registry, store } = this.engine;
    return this.#change([key], () =>
      outage.write(async () => {
        const clearedAt = await registry.newest(clearTags);
        const entry = made(await registry.asOf());
        this.engine.assertSame(epoch);
        return store.increment(key, by, {
          clearedAt,
          now: entry.storedAt,
          header: encodeEntry(entry),
          lifetime: lifetimeOf(entry),
        });
      }, {}),
    );
  }

  async invalidate(tags: readonly string[]): Promise<void> {
    try {
      const stamp = await this.engine.outage.write(() => this.engine.store.invalidate(tags), { tags });
      this.engine.registry.learn(stamp, tags);
    } catch (error) {
      this.engine.registry.stampAlone(tags);
      throw error;
    }
  }

  /** The store is full: what it could not take must not leave something older behind. */
  async #makeWay(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.engine.events.emit('refused', { key });
    await this.remove(keys);
  }

  /** Loads and memory forget the keys before the change begins and again when it is done. */
  async #change<T>(keys: readonly string[], change: () => Promise<T>): Promise<T> {
    this.#forget(keys);
    try {
      return await change();
    } finally {
      this.#forget(keys);
    }
  }

  #forget(keys: readonly string[]): void {
    for (const key of keys) this.engine.forget(key);
  }

  async *#scanned(prefix: string): AsyncIterable<string[]> {
    const batches = this.engine.store.scan(prefix)[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await this.engine.outage.read(() => batches.next());
      if (done) return;
      yield value;
    }
  }
}

/** Without waiting, unless something is to be compressed. */
function framesOf(entries: readonly Entry[], threshold: number | false): Buffer[] | Promise<Buffer[]> {
  const frames = entries.map((entry) => frameOf(entry, threshold));
  const areBytes = frames.every((frame) => Buffer.isBuffer(frame));
  return areBytes ? frames : Promise.all(frames.map(async (frame) => frame));
}

const together = (writes: readonly Promise<void>[]): Promise<unknown> =>
  writes.length === 1 ? (writes[0] as Promise<void>) : Promise.all(writes);
