import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import { MEMORY_ENTRIES, TTL, type Item } from '../items.js';
import type { Ask, Ground, Subject, System } from '../system.js';

export const bentocache: System = {
  name: 'bentocache',
  packages: ['bentocache', 'ioredis'],
  settings(ask) {
    const details = [
      ...(ask.tiers === 'redis' ? [] : ask.values === 'shared' ? ['serialize: false'] : []),
      ...(ask.tags === 'none' ? [] : ['2 tags']),
    ];
    return [{ label: details.join(', '), differs: [], open: (ground) => open(ask, ground) }];
  },
};

async function open({ tiers, values, tags }: Ask, { url, namespace, load }: Ground): Promise<Subject> {
  const connections: Redis[] = [];
  const connection = () => {
    const redis = new Redis(url);
    connections.push(redis);
    return redis;
  };
  const store = bentostore({ prefix: namespace });
  if (tiers !== 'redis') {
    store.useL1Layer(memoryDriver({ maxItems: MEMORY_ENTRIES, serialize: values !== 'shared' }));
  }
  if (tiers !== 'memory') store.useL2Layer(redisDriver({ connection: connection() }));
  if (tiers === 'both') {
    const { host = '127.0.0.1', port = 6_379 } = connection().options;
    store.useBus(redisBusDriver({ connection: { host, port } }));
  }
  const cache = new BentoCache({ default: 'it', stores: { it: store } });
  const carried = (item: Item) => (tags === 'none' ? undefined : { tags: [item.tag, item.category] });
  return {
    get: ({ key }) => cache.get({ key }),
    getOrSet: (item) =>
      cache.getOrSet({ key: item.key, ttl: TTL, factory: () => load(item), ...carried(item) }),
    set: async (item) => cache.set({ key: item.key, value: item.value, ttl: TTL, ...carried(item) }),
    invalidate: async (tag) => cache.deleteByTag({ tags: [tag] }),
    close: async () => {
      await cache.disconnectAll();
      for (const redis of connections) redis.disconnect();
    },
  };
}
