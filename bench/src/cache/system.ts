import type { Item, Product } from './items.js';

/** What a scenario wants to have measured. A system answers with all of its settings that come near. */
export interface Ask {
  readonly tiers: 'memory' | 'redis' | 'both';
  /**
   * What a hit in memory gives: the object that all callers get, or one of the caller's own. `as it comes`: what
   * the system does when nothing is said.
   */
  readonly values: 'shared' | 'isolated' | 'as it comes';
  /**
   * Two tags for each entry: `none`; `carried` by those systems that have tags, beside others; or `needed`, so
   * that a system without tags has nothing to show.
   */
  readonly tags: 'none' | 'carried' | 'needed';
}

/** What a system stands on. */
export interface Ground {
  readonly url: string;
  readonly namespace: string;
  /** What stands behind the cache: the factory of every `getOrSet`. */
  readonly load: (item: Item) => Promise<Product>;
}

/** One way to set a system up: a row of a table. */
export interface Setting {
  /** After the name of the system. The same label twice is the same setting. */
  readonly label: string;
  /** What it does not do that is asked for, or does otherwise; empty: like for like. */
  readonly differs: readonly string[];
  /** Too unlike what is asked to be judged by: shown, but no target looks at it. */
  readonly aside?: boolean;
  readonly open: (ground: Ground) => Promise<Subject>;
}

/** An open cache, its settings inside. What is read comes back at once or by a promise, as the system has it. */
export interface Subject {
  /** What was stored, or undefined. A system that can't read without its factory loads here. */
  readonly get: (item: Item) => unknown;
  readonly getOrSet: (item: Item) => unknown;
  readonly set: (item: Item) => Promise<unknown>;
  /** Makes every entry that carries the tag a miss. Absent: there are no tags. */
  readonly invalidate?: (tag: string) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

export interface System {
  readonly name: string;
  /** npm packages whose versions belong to a result; none for our own. */
  readonly packages: readonly string[];
  /** None where the system can't do anything like it. */
  readonly settings: (ask: Ask) => Setting[];
}
