import type { CacheService } from '../cache.service.js';
import { evictAll } from '../eviction.js';
import type { HttpCacheContext } from './http-cache.context.js';
import type { CacheEvictOptions } from './http-cache.options.js';

/** Drops what a successful write made wrong. Never rejects: the write itself has succeeded. */
export async function evict(
  cache: CacheService,
  evictions: readonly CacheEvictOptions[],
  ctx: HttpCacheContext,
): Promise<void> {
  const listed = <T>(list: readonly T[] | ((ctx: HttpCacheContext) => readonly T[])): readonly T[] =>
    typeof list === 'function' ? list(ctx) : list;
  await evictAll(
    cache,
    evictions.flatMap(({ tags = [], keys = [], models = [] }) => [
      () => ({ tags: listed(tags) }),
      () => ({ keys: listed(keys) }),
      () => ({ models: listed(models) }),
    ]),
  );
}
