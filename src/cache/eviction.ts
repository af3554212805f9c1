import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { shown } from '../errors.js';
import { CacheOptionsError } from './cache.errors.js';
import type { CacheService } from './cache.service.js';
import type { ModelLike } from './tags.js';

/** What a write makes wrong: tags, keys, and what belongs to models. */
export interface CacheEviction {
  tags?: readonly string[];
  keys?: readonly string[];
  models?: readonly (string | ModelLike)[];
}

const logger = new Logger('CacheEvict');
/** How long a result is held back at most; the cache's own deadlines are shorter. */
const PATIENCE = 2_000;

/**
 * Drops what a successful write made wrong. Never rejects: the write itself has succeeded. Evictions are given as
 * functions, so that one which can't be made does not keep the others from being done.
 */
export async function evictAll(
  cache: CacheService,
  evictions: readonly (() => CacheEviction | Promise<CacheEviction>)[],
): Promise<void> {
  const bound = new AbortController();
  const late = sleep(PATIENCE, undefined, { signal: bound.signal, ref: false }).catch(() => {});
  await Promise.race([Promise.all(evictions.map((make) => evictOne(cache, make))), late]);
  bound.abort();
}

async function evictOne(
  cache: CacheService,
  make: () => CacheEviction | Promise<CacheEviction>,
): Promise<void> {
  try {
    const { tags = [], keys = [], models = [], ...more } = await make();
    const [unknown] = Object.keys(more);
    if (unknown !== undefined) throw notEvictable(unknown, more);
    const steps = [
      async () => cache.invalidateTags(...listed('tags', tags)),
      async () => cache.delete(...listed('keys', keys)),
      async () => Promise.all(listed('models', models).map((of) => cache.clearModelCache(of))),
    ];
    for (const result of await Promise.allSettled(steps.map((step) => step())))
      if (result.status === 'rejected') report(result.reason);
  } catch (error) {
    report(error);
  }
}

/** A text would be taken for a list of its letters. */
function listed<T>(name: string, list: readonly T[]): readonly T[] {
  if (Array.isArray(list)) return list;
  throw notEvictable(name, { [name]: list });
}

function notEvictable(name: string, eviction: object): CacheOptionsError {
  return new CacheOptionsError({
    problem: `what is to be evicted has ${name}: ${shown(Reflect.get(eviction, name))}`,
    expected: 'lists: tags, keys, models',
  });
}

function report(error: unknown): void {
  logger.error('The cache could not be cleared after a write', error);
}
