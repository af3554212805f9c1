import { Batch } from './batch.js';
import type { Stamp } from './entry.js';
import type { Stamps } from './store.js';

const MOST_TAGS = 100_000;
/** To find the first member of a Map takes a step for each that was deleted before it: one by one they would add up. */
const FORGOTTEN_AT_ONCE = 10_000;
/** Asked for like a tag: the registry's clock. */
export const CLOCK = '#';
/** What a clear of everything stamps: all entries carry it. */
const EVERYTHING = '*';

/**
 * Who was invalidated when: a mirror of the store's registry, kept by messages, so that a hit costs no round
 * trip. While messages may be missed (`isLive` false) nothing is answered from the mirror.
 */
export class TagRegistry {
  readonly #mirror = new Map<string, Stamp>();
  /** The latest stamp that the mirror gave up for want of room: an answer as of before it may lack it. */
  #latestGone: Stamp = 0;
  #clock: Stamp = 0;
  #isLive = false;
  /** The store is away: this process's own invalidations are all there is to know. */
  #isAlone = false;
  /** An answer asked for before the mirror was emptied may be older than messages that were missed. */
  #generation = 0;
  #version = 0;
  readonly #asked = new Batch<string, Stamp>((tags) => this.#fetch(tags));

  constructor(private readonly fetch: (tags: readonly string[]) => Promise<Stamps>) {}

  /** Grows whenever anything may have become invalid: what was found valid at this version still is. */
  get version(): number {
    return this.#version;
  }

  /** Whether something as of `asOf` may be served, as far as the mirror knows; undefined: the store must be asked. */
  verdict(clearTags: readonly string[], tags: readonly string[], asOf: Stamp): boolean | undefined {
    if (!this.#isAlone && (!this.#isLive || asOf > this.#clock)) return undefined;
    const cleared = this.#verdict(clearTags, asOf);
    return cleared === true ? this.#verdict(tags, asOf) : cleared;
  }

  /**
   * Whether something loaded as of `asOf` may be served: none of its tags has been stamped since, and the clock is
   * not behind it, which it is when the registry was lost together with stamps that nobody knows any more.
   */
  async isValid(clearTags: readonly string[], tags: readonly string[], asOf: Stamp): Promise<boolean> {
    const verdict = this.verdict(clearTags, tags, asOf);
    if (verdict !== undefined) return verdict;
    const [clock, ...stamps] = await this.stampsInStore([CLOCK, ...clearTags, ...tags]);
    return asOf <= (clock as Stamp) && stamps.every((stamp) => stamp <= asOf);
  }

  /** The latest stamp of any of the tags. */
  async newest(tags: readonly string[]): Promise<Stamp> {
    const known = tags.map((tag) => this.#mirror.get(tag) ?? (this.#isAlone ? 0 : undefined));
    if ((this.#isLive || this.#isAlone) && known.every((stamp) => stamp !== undefined))
      return Math.max(0, ...known);
    return Math.max(0, ...(await this.stampsInStore(tags)));
  }

  /** Each tag's stamp, asked of the store whatever the mirror knows: all changes that are done are in it. */
  async stampsInStore(tags: readonly string[]): Promise<Stamp[]> {
    if (this.#isAlone) return tags.map((tag) => this.#mirror.get(tag) ?? 0);
    return Promise.all(tags.map((tag) => this.#asked.add(tag)));
  }

  /** What is known before a load begins. A mirror that lags makes it too small, which is safe: a spare miss. */
  async asOf(): Promise<Stamp> {
    return this.clock ?? this.#asked.add(CLOCK);
  }

  /** The same without asking the store, undefined when it would have to be asked. */
  get clock(): Stamp | undefined {
    return this.#isAlone || (this.#isLive && this.#clock > 0) ? this.#clock : undefined;
  }

  /** A message, or the answer to an invalidation of ours. */
  learn(stamp: Stamp, tags: readonly string[]): void {
    this.#clock = Math.max(this.#clock, stamp);
    for (const tag of tags) this.#stamp(tag, stamp);
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

  /**
   * The store has lost its registry and begun a new one. True when what is known, and kept, is of the old one: its
   * stamps can't be compared with the new ones, for the clock may have gone back.
   */
  begin(stamp: Stamp): boolean {
    if (this.#isAlone) return false;
    const isNew = this.#clock !== stamp; // else it was this process that asked for it
    if (isNew) this.#forget();
    this.learn(stamp, [EVERYTHING]);
    return isNew;
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

  #verdict(tags: readonly string[], asOf: Stamp): boolean | undefined {
    for (const tag of tags) {
      const stamp = this.#mirror.get(tag) ?? (this.#isAlone ? 0 : undefined);
      if (stamp === undefined) return undefined;
      if (stamp > asOf) return false;
    }
    return true;
  }

  async #fetch(asked: readonly string[]): Promise<Stamp[]> {
    const generation = this.#generation;
    const tags = [...new Set([EVERYTHING, ...asked])].filter((tag) => tag !== CLOCK);
    const { clock, of } = await this.fetch(tags);
    // A registry that was begun anew has no stamps but this one: no tag's answer may be without it, for another
    // tag of the same entry may be answered by another command, before the loss.
    const everything = of[0] as Stamp;
    const stamps = new Map(tags.map((tag, index) => [tag, Math.max(of[index] as Stamp, everything)]));
    const isUpToDate = generation === this.#generation && clock >= this.#latestGone;
    if (this.#isLive && !this.#isAlone && isUpToDate) {
      this.#clock = Math.max(this.#clock, clock);
      for (const [tag, stamp] of stamps) this.#stamp(tag, stamp);
    }
    return asked.map((tag) => stamps.get(tag) ?? clock);
  }

  #stamp(tag: string, stamp: Stamp): void {
    const known = this.#mirror.get(tag);
    if (known !== undefined && known >= stamp) return;
    // Whose tag is forgotten asks the store for it again.
    if (known === undefined && this.#mirror.size >= MOST_TAGS) this.#forgetOldest(stamp);
    this.#mirror.set(tag, stamp);
    if (stamp > 0) this.#version += 1;
  }

  /** Makes room. Without the store there is nobody to ask for what was forgotten: everything is taken for invalidated then. */
  #forgetOldest(stamp: Stamp): void {
    if (this.#isAlone) {
      this.#mirror.clear();
      this.#mirror.set(EVERYTHING, stamp);
      return;
    }
    let left = FORGOTTEN_AT_ONCE;
    for (const [tag, gone] of this.#mirror) {
      this.#latestGone = Math.max(this.#latestGone, gone);
      this.#mirror.delete(tag);
      if ((left -= 1) === 0) return;
    }
  }

  #forget(): void {
    this.#mirror.clear();
    this.#latestGone = 0;
    this.#clock = 0;
    this.#generation += 1;
    this.#version += 1;
  }
}
