import type { FactoryProvider } from '@nestjs/common';
import { CacheOptionsError } from '../cache.errors.js';
import { CacheService } from '../cache.service.js';
import { shown } from '../../errors.js';
import { KeyvStore } from './keyv-store.js';
import { confinedClient } from './confined-client.js';

/** The value of @nestjs/cache-manager's token: code that injects it gets ours without a change. */
export const CACHE_MANAGER = 'CACHE_MANAGER';

export interface CacheManagerOptions {
  /**
   * `flora`: cache-manager over this cache, with its tiers, deadlines and value types. `redis-yet`:
   * cache-manager-redis-yet on the same connection, its JSON and its key layout, for a step-by-step migration.
   * Default: `flora`.
   */
  store?: 'flora' | 'redis-yet';
}

/** Its keys live in a namespace of their own, which is all that its `clear()` clears. */
const NAMESPACE = 'cache-manager';

/**
 * A provider of cache-manager's `Cache` under CACHE_MANAGER, for the `providers` of a module. Needs the optional
 * packages cache-manager and keyv, and cache-manager-redis-yet for that store. Its ttls are **milliseconds**, as
 * cache-manager's are.
 */
export function provideCacheManager({ store = 'flora' }: CacheManagerOptions = {}): FactoryProvider {
  if (store !== 'flora' && store !== 'redis-yet') {
    throw new CacheOptionsError({ problem: `store is ${shown(store)}`, expected: "'flora' or 'redis-yet'" });
  }
  return {
    provide: CACHE_MANAGER,
    inject: [CacheService],
    useFactory: (cache: CacheService) => (store === 'flora' ? overFlora(cache) : overRedisYet(cache)),
  };
}

async function overFlora(cache: CacheService): Promise<unknown> {
  const { createCache } = await optional('cache-manager', () => import('cache-manager'));
  const { Keyv } = await optional('keyv', () => import('keyv'));
  const store = new KeyvStore(cache.namespace(NAMESPACE));
  // Values go through as they are: the codec of the cache keeps their types, JSON would not.
  const keyv = new Keyv({
    store,
    useKeyPrefix: false,
    serialize: undefined,
    deserialize: undefined,
  } as object);
  return createCache({ stores: [keyv], ttl: cache.options.ttl });
}

async function overRedisYet(cache: CacheService): Promise<unknown> {
  const { createCache, KeyvAdapter } = await optional('cache-manager', () => import('cache-manager'));
  const { Keyv } = await optional('keyv', () => import('keyv'));
  const { redisInsStore } = await optional(
    'cache-manager-redis-yet',
    () => import('cache-manager-redis-yet'),
  );
  const prefix = `${cache.options.namespace}:${NAMESPACE}`;
  const client = confinedClient(cache, `${prefix}:`);
  const store = redisInsStore(client as never, { ttl: cache.options.ttl });
  const keyv = new Keyv({ store: new KeyvAdapter(store), namespace: prefix });
  return createCache({ stores: [keyv], ttl: cache.options.ttl });
}

async function optional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new CacheOptionsError({
      problem: `provideCacheManager needs the package ${name}, which can't be loaded`,
      advice: `npm install ${name}`,
      cause,
    });
  }
}
