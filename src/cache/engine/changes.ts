import type { CacheEngine } from './cache-engine.js';
import { encodeEntry, type Entry, type Stamp } from './entry.js';
import { patternMatcher, patternPrefix, type Scope } from './key-space.js';
import type { CounterResult } from './store.js';

/**
 * Everything that makes cached answers old: each change is told to the store, to other processes, and to what
 * this process holds or is loading; one that the store could not be told is journalled.
 */
export class Changes {
  constructor(private readonly engine: CacheEngine) {}

  /** Stores entries whatever was there, ending loads of their keys. `made` gets the stamp they are as of. */
  async write(
    made: (asOf: Stamp) => readonly { key: string; entry: Entry }[],
    keys: readonly string[],
  ): Promise<void> {
    await this.#change(keys, async () => {
      const { epoch } = this.engine;
      const tickets = keys.map((key) => this.engine.memory?.take(key));
      try {
        const entries = made(await this.engine.asOf());
        const frames = entries.map(({ key, entry }) => ({
          key,
          bytes: encodeEntry(entry),
          lifetime: entry.staleUntil - entry.storedAt,
        }));
        await this.engine.outage.write(
          async () => {
            this.#assertSame(epoch);
            await this.engine.store.write(frames);
          },
          { keys },
        );
        entries.forEach(({ entry }, index) => {
          const ticket = tickets[index];
          tickets[index] = undefined;
          if (ticket) this.engine.memory?.put(ticket, entry, this.engine.options.clock.now());
        });
      } finally {
        for (const ticket of tickets) if (ticket) this.engine.memory?.leave(ticket);
      }
    });
  }

  async remove(keys: readonly string[]): Promise<number> {
    let removed = 0;
    await this.#change(keys, async () => {
      removed = await this.engine.outage.write(() => this.engine.store.remove(keys), { keys });
    });
    return removed;
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
    let result: CounterResult | undefined;
    await this.#change([key], async () => {
      const { epoch } = this.engine;
      const clearedAt = await this.engine.registry.newest(clearTags);
      const entry = made(await this.engine.registry.asOf());
      const basis = {
        clearedAt,
        now: entry.storedAt,
        header: encodeEntry(entry),
        lifetime: entry.staleUntil - entry.storedAt,
      };
      result = await this.engine.outage.write(async () => {
        this.#assertSame(epoch);
        return this.engine.store.increment(key, by, basis);
      }, {});
    });
    return result as CounterResult;
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

  /** Loads and memory forget the keys before the change begins and again when it is done. */
  async #change(keys: readonly string[], change: () => Promise<void>): Promise<void> {
    for (const key of keys) this.engine.forget(key);
    try {
      await change();
    } catch (error) {
      for (const key of keys) this.engine.forget(key);
      throw error;
    } finally {
      for (const key of keys) this.engine.flights.detach(key);
    }
  }

  async *#scanned(prefix: string): AsyncIterable<string[]> {
    const batches = this.engine.store.scan(prefix)[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await this.engine.outage.read(() => batches.next());
      if (done) return;
      yield value;
    }
  }

  /** A stamp from before the store was lost or found says nothing about what the store knows. */
  #assertSame(epoch: number): void {
    if (epoch !== this.engine.epoch) throw new Error('the connection changed meanwhile');
  }
}
