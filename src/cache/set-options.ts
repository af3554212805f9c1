import { toMilliseconds, type Duration } from '../duration.js';
import { shown } from '../errors.js';
import { CacheOptionsError } from './cache.errors.js';
import { OLDEST, type Entry, type Stamp } from './engine/entry.js';

/** How a value is kept. */
export interface SetOptions {
  /** How long it is fresh. 0: not stored at all (`set` then deletes the key). Default: the module's `ttl`. */
  ttl?: Duration;
  /** How long after that `getOrSet` may still serve it while it is loaded anew. Default: the module's `staleTtl`. */
  staleTtl?: Duration;
  /** Tags of the entry; `model(Product)` stands for a Mongoose model. Default: none. */
  tags?: readonly string[];
  /** For values loaded by yourself: `cache.asOf()` from before the load, so that no later invalidation is missed. */
  asOf?: Stamp;
}

/** Durations in milliseconds, tags as the registry names them. */
export interface ResolvedSetOptions {
  ttl: number;
  staleTtl: number;
  tags: readonly string[];
  asOf?: Stamp;
}

export function resolveSetOptions(
  options: Duration | SetOptions = {},
  defaults: { ttl: number; staleTtl: number },
  registryTags: (tags: readonly string[]) => string[],
): ResolvedSetOptions {
  const {
    ttl,
    staleTtl,
    tags = [],
    asOf,
  } = typeof options === 'object' && options !== null ? options : { ttl: options };
  return {
    ttl: ttl === undefined ? defaults.ttl : toMilliseconds(ttl, 'ttl'),
    staleTtl: staleTtl === undefined ? defaults.staleTtl : toMilliseconds(staleTtl, 'staleTtl'),
    tags: registryTags(tags),
    ...(asOf !== undefined && { asOf: checkedStamp(asOf) }),
  };
}

function checkedStamp(asOf: unknown): Stamp {
  if (Number.isSafeInteger(asOf) && Number(asOf) >= OLDEST) return asOf as Stamp;
  throw new CacheOptionsError({
    problem: `asOf is ${shown(asOf)}`,
    expected: 'what cache.asOf() gave before the load',
  });
}

/** An entry that is stored now; `known` is what the registry knows now, unless the caller knew it before its load. */
export function newEntry(
  encoded: Pick<Entry, 'codec' | 'payload'>,
  { ttl, staleTtl, tags, asOf }: ResolvedSetOptions,
  known: Stamp,
  now: number,
): Entry {
  return {
    ...encoded,
    asOf: Math.min(asOf ?? known, known), // a stamp from the future would survive invalidations
    storedAt: now,
    freshUntil: now + ttl,
    staleUntil: now + ttl + staleTtl,
    loadTime: 0,
    tags,
  };
}
