import { toMilliseconds, type Duration } from '../duration.js';
import { encodeValue } from './engine/codec.js';
import type { EntryLead } from './engine/entry-access.js';

/** What loads a value that the cache doesn't have. */
export type Factory<T> = (context: FactoryContext) => T | Promise<T>;

/** What a factory of `getOrSet` is told, and may say about its result. */
export interface FactoryContext {
  /** Aborted when the cache is closed. */
  readonly signal: AbortSignal;
  /** The stale value, where the load is its refresh in the background. */
  readonly stale: unknown;
  setTtl(ttl: Duration): void;
  addTags(...tags: string[]): void;
  /** Don't store the result. Those who wait for it get it all the same. */
  skip(): void;
}

/** How the result is to be stored, unless the factory says otherwise. */
export interface FactoryTerms {
  ttl: number;
  staleTtl: number;
  /** Registry tags. */
  tags: readonly string[];
  /** Registry tags of tags that the factory names. */
  registryTags(tags: readonly string[]): string[];
  signal: AbortSignal;
  stale?: unknown;
}

/** Runs the factory and ends its lead: with the result, or with the error, which is thrown on. */
export async function runFactory<T>(lead: EntryLead, factory: Factory<T>, terms: FactoryTerms): Promise<T> {
  let { ttl } = terms;
  const tags = [...terms.tags];
  const context: FactoryContext = {
    signal: terms.signal,
    stale: terms.stale,
    setTtl: (duration) => (ttl = toMilliseconds(duration, 'ttl')),
    addTags: (...more) => tags.push(...terms.registryTags(more)),
    skip: () => (ttl = 0),
  };
  try {
    const value = await factory(context);
    const { codec, payload } = encodeValue(value);
    await lead.fill(payload, { codec, ttl: value === undefined ? 0 : ttl, staleTtl: terms.staleTtl, tags });
    return value;
  } catch (error) {
    lead.fail(error);
    throw error;
  }
}
