import type { Offer } from './query-cache.js';
import type { Place } from './place.js';

/** One promise, put to any cache: throws where it isn't kept. Looks at answers and at the reads of the database. */
export interface Case {
  readonly name: string;
  readonly needs?: readonly Offer[];
  readonly run: (at: Place) => Promise<unknown>;
}

export interface Group {
  readonly name: string;
  readonly cases: readonly Case[];
}

/** Thrown by a case that the servers at hand can't be asked. */
export class NotAsked extends Error {}
