import { LRUCache } from 'lru-cache';
import type { Stamp } from './entry.js';
import type { Stamps } from './store.js';

const MOST_TAGS = 100_000;

/**
 * Who was invalidated when: a mirror of the store's registry, kept by messages, so that a hit costs no round
 * trip. While messages may be missed (`isLive` false) nothing is answered from the mirror.
 */
export class TagRegistry {
  readonly #mirror = new LRUCache<string, Stamp>({ max: MOST_TAGS });
  #clock: Stamp = 0;
  #isLive = false;
  /** The store is away: this process's own invalidations are all there is to know. */
  #isAlone = false;
  /** An answer asked for before the mirror was emptied may be older than messages that were missed. */
  #generation = 0;

  constructor(private readonly fetch: (tags: readonly string[]) => Promise<Stamps>) {}

  /** True or false when the mirror knows, undefined when the store must be asked. */
  verdict(tags: readonly string[], asOf: Stamp): boolean | undefined {
    if (!this.#isLive && !this.#isAlone) return undefined;
    for (const tag of tags) {
      const stamp = this.#mirror.get(tag) ?? (this.#isAlone ? 0 : undefined);
      if (stamp === undefined) return undefined;
      if (stamp > asOf) return false;
    }
    return true;
  }

  /** Whether something loaded as of `asOf` may be served: none of its tags has been stamped since. */
  async isValid(tags: readonly string[], asOf: Stamp): Promise<boolean> {
    return this.verdict(tags, asOf) ?? (await this.newest(tags)) <= asOf;
  }

  /** The latest stamp of any of the tags. */
  async newest(tags: readonly string[]): Promise<Stamp> {
    const known = tags.map((tag) => this.#mirror.get(tag) ?? (this.#isAlone ? 0 : undefined));
    if ((this.#isLive || this.#isAlone) && known.every((stamp) => stamp !== undefined))
      return Math.max(0, ...known);
    return Math.max(0, ...(await this.#ask(tags)).of);
  }

  /** What is known before a load begins. A mirror that lags makes it too small, which is safe: a spare miss. */
  async asOf(): Promise<Stamp> {
    return this.clock ?? (await this.#ask([])).clock;
  }

  /** The same without asking the store, undefined when it would have to be asked. */
  get clock(): Stamp | undefined {
    return this.#isAlone || (this.#isLive && this.#clock > 0) ? this.#clock : undefined;
  }

  /** A message, or the answer to an invalidation of ours. */
  learn(stamp: Stamp, tags: readonly string[]): void {
    this.#clock = Math.max(this.#clock, stamp);
    for (const tag of tags) this.#mirror.set(tag, Math.max(this.#mirror.get(tag) ?? 0, stamp));
  }

  /** Messages arrive from now on; what was known before may be old. */
  goLive(): void {
    if (!this.#isAlone) this.#forget();
    this.#isLive = true;
  }

  /** Messages may be missed from now on. */
  goCold(): void {
    this.#isLive = false;
    if (!this.#isAlone) this.#forget();
  }

  /** The store is away. Stamps go on from the last one known, so that what is loaded from now on is newer. */
  goAlone(now: number): void {
    const clock = Math.max(this.#clock, now * 1_000);
    this.#forget();
    this.#clock = clock;
    this.#isAlone = true;
  }

  /** The store is back, and knows more than we do. */
  goShared(): void {
    this.#isAlone = false;
    this.#forget();
  }

  /** An invalidation that the store could not be told yet. */
  stampAlone(tags: readonly string[]): void {
    this.learn(this.#clock + 1, tags);
  }

  async #ask(tags: readonly string[]): Promise<Stamps> {
    const generation = this.#generation;
    const stamps = await this.fetch(tags);
    if (this.#isLive && !this.#isAlone && generation === this.#generation) {
      this.#clock = Math.max(this.#clock, stamps.clock);
      tags.forEach((tag, index) =>
        this.#mirror.set(tag, Math.max(this.#mirror.get(tag) ?? 0, stamps.of[index] ?? 0)),
      );
    }
    return stamps;
  }

  #forget(): void {
    this.#mirror.clear();
    this.#clock = 0;
    this.#generation += 1;
  }
}
