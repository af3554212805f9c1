import { Redis } from 'ioredis';
import {
  GroupLoader,
  Loader,
  RedisCache,
  RedisGroupCache,
  createGroupNotificationPair,
  createNotificationPair,
} from 'layered-loader';
import { MEMORY_ENTRIES, TTL, type Item, type Product } from '../items.js';
import type { Ask, Ground, Subject, System } from '../system.js';

/** Its memory gives shared references only. One group per entry is what it has in the place of tags. */
export const layeredLoader: System = {
  name: 'layered-loader',
  packages: ['layered-loader', 'ioredis'],
  settings(ask) {
    if (ask.tiers !== 'redis' && ask.values === 'isolated') return [];
    const flat = {
      label: 'Loader',
      differs: ['no tags'],
      open: async (ground: Ground) => openFlat(ask, ground),
    };
    if (ask.tags === 'none') return [flat];
    const grouped = {
      label: 'GroupLoader',
      differs: ['one group instead of tags'],
      open: async (ground: Ground) => openGrouped(ask, ground),
    };
    return ask.tags === 'needed' ? [grouped] : [flat, grouped];
  },
};

/** What `close` of a loader leaves open. */
class Connections {
  readonly #open: Redis[] = [];

  constructor(private readonly url: string) {}

  next(): Redis {
    const redis = new Redis(this.url);
    this.#open.push(redis);
    return redis;
  }

  close(): void {
    for (const redis of this.#open) redis.disconnect();
  }
}

const keyOf = (item: Item): string => item.key;

async function openFlat({ tiers }: Ask, { url, namespace, load }: Ground): Promise<Subject> {
  const connections = new Connections(url);
  const bus = tiers === 'both' && createNotificationPair<Product>(busOf(connections, namespace));
  const loader = new Loader<Product, Item>({
    inMemoryCache: tiers !== 'redis' && {
      cacheType: 'lru-object',
      maxItems: MEMORY_ENTRIES,
      ttlInMsecs: TTL,
    },
    ...(tiers !== 'memory' && {
      asyncCache: new RedisCache<Product>(connections.next(), {
        prefix: namespace,
        json: true,
        ttlInMsecs: TTL,
      }),
    }),
    ...(bus && { notificationConsumer: bus.consumer, notificationPublisher: bus.publisher }),
    cacheKeyFromLoadParamsResolver: keyOf,
    dataSourceGetOneFn: load,
  });
  await loader.init();
  return {
    get: (item) => loader.get(item),
    getOrSet: (item) => loader.get(item),
    set: async ({ key, value }) => loader.forceSetValue(key, value),
    close: async () => {
      await loader.close();
      connections.close();
    },
  };
}

async function openGrouped({ tiers }: Ask, { url, namespace, load }: Ground): Promise<Subject> {
  const connections = new Connections(url);
  const bus = tiers === 'both' && createGroupNotificationPair<Product>(busOf(connections, namespace));
  const loader = new GroupLoader<Product, Item>({
    inMemoryCache: tiers !== 'redis' && {
      cacheType: 'lru-object',
      groupCacheType: 'lru-object',
      maxGroups: 1_000,
      maxItemsPerGroup: MEMORY_ENTRIES,
      ttlInMsecs: TTL,
    },
    ...(tiers !== 'memory' && {
      asyncCache: new RedisGroupCache<Product>(connections.next(), {
        prefix: namespace,
        json: true,
        ttlInMsecs: TTL,
        groupTtlInMsecs: TTL,
      }),
    }),
    ...(bus && { notificationConsumer: bus.consumer, notificationPublisher: bus.publisher }),
    cacheKeyFromLoadParamsResolver: keyOf,
    dataSources: [{ name: 'products', getFromGroup: load, getManyFromGroup: async () => [] }],
  });
  await loader.init();
  return {
    get: (item) => loader.get(item, item.tag),
    getOrSet: (item) => loader.get(item, item.tag),
    set: async (item) => loader.forceSetValueForGroup(item.key, item.value, item.tag),
    invalidate: async (group) => loader.invalidateCacheForGroup(group),
    close: async () => {
      await loader.close();
      connections.close();
    },
  };
}

const busOf = (connections: Connections, namespace: string) => ({
  channel: `${namespace}:bus`,
  publisherRedis: connections.next(),
  consumerRedis: connections.next(),
});
