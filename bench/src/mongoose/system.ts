import type { NamedSystem } from '../benchmark.js';
import type { Page, Shape } from './pages.js';

/** What a system stands on. */
export interface Ground {
  readonly mongoUri: string;
  readonly redisUrl: string;
  readonly namespace: string;
}

/**
 * - `none`: no cache, every read is one of the database
 * - `floor`: no query, only what any cache in Redis must do for a hit
 * - `cache`
 */
export type Role = 'none' | 'floor' | 'cache';

/** One way to set a system up: a row of a table. */
export interface Setting {
  readonly label: string;
  readonly role: Role;
  readonly shapes: readonly Shape[];
  readonly differs: readonly string[];
  readonly aside?: boolean;
  /** Takes part where processes share what they have. */
  readonly isShared?: boolean;
  /**
   * In a process of its own: three of the systems replace methods of Mongoose's prototypes. So what it needs is
   * imported in here.
   */
  readonly open: (ground: Ground) => Promise<Subject>;
}

/** An open system. */
export interface Subject {
  /** The answer to a page's query, from the cache where it is there. */
  readonly read: (page: Page) => Promise<unknown>;
  /** The same from the database, past the cache; absent where answers are not looked at. */
  readonly reference?: (page: Page) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

export interface System extends NamedSystem {
  readonly settings: readonly Setting[];
}

export const TTL_SECONDS = 3_600;
