import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { CacheService } from '../cache.service.js';
import type { HttpCacheContext } from './http-cache.context.js';
import type { CacheEvictOptions } from './http-cache.options.js';

const logger = new Logger('HttpCache');
/** How long an answer is held back at most; the cache's own deadlines are shorter. */
const PATIENCE = 2_000;

/** Drops what a successful write made wrong. Never rejects: the write itself has succeeded. */
export async function evict(
  cache: CacheService,
  evictions: readonly CacheEvictOptions[],
  ctx: HttpCacheContext,
): Promise<void> {
  const bound = new AbortController();
  const late = sleep(PATIENCE, undefined, { signal: bound.signal, ref: false }).catch(() => {});
  await Promise.race([Promise.all(evictions.map((one) => evictOne(cache, one, ctx))), late]);
  bound.abort();
}

async function evictOne(
  cache: CacheService,
  { tags = [], keys = [], models = [] }: CacheEvictOptions,
  ctx: HttpCacheContext,
): Promise<void> {
  const listed = <T>(list: readonly T[] | ((ctx: HttpCacheContext) => readonly T[])): readonly T[] =>
    typeof list === 'function' ? list(ctx) : list;
  const steps = [
    () => cache.invalidateTags(...listed(tags)),
    () => cache.delete(...listed(keys)),
    () => Promise.all(listed(models).map((of) => cache.clearModelCache(of))),
  ];
  const results = await Promise.allSettled(steps.map(async (step) => step()));
  for (const result of results)
    if (result.status === 'rejected')
      logger.error('The cache could not be cleared after a write', result.reason);
}
