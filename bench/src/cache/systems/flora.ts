import { createCache, type CacheService } from '../../../../dist/index.js';
import { MEMORY_ENTRIES, TTL_SECONDS, type Item } from '../items.js';
import type { Ask, Ground, Setting, Subject, System } from '../system.js';

const MEMORY: Readonly<Record<Ask['values'], readonly string[]>> = {
  shared: ['shared values'],
  isolated: ['isolated values'],
  'as it comes': [],
};

/** The cache of this project, as it was built. */
export const flora: System = {
  name: 'flora',
  packages: [],
  settings(ask) {
    const details = [
      ...(ask.tiers === 'redis' ? [] : MEMORY[ask.values]),
      ...(ask.tags === 'none' ? [] : ['2 tags']),
    ];
    const setting: Setting = { label: details.join(', '), differs: [], open: (ground) => open(ask, ground) };
    return [setting];
  },
};

async function open({ tiers, values, tags }: Ask, { url, namespace, load }: Ground): Promise<Subject> {
  // As long as the others': by default an entry is looked up in Redis again after a minute.
  const memory = {
    maxEntries: MEMORY_ENTRIES,
    ttl: TTL_SECONDS,
    ...(values !== 'as it comes' && { values }),
  };
  const cache = await createCache({
    namespace,
    redis: tiers === 'memory' ? false : { url },
    memory: tiers === 'redis' ? false : memory,
  });
  const common = {
    get: (item: Item) => cache.get(item.key),
    invalidate: async (tag: string) => cache.invalidateTags(tag),
    close: async () => cache.close(),
  };
  return { ...common, ...(tags === 'none' ? untagged(cache, load) : tagged(cache, load)) };
}

const tagged = (cache: CacheService, load: Ground['load']) => ({
  getOrSet: (item: Item) =>
    cache.getOrSet(item.key, () => load(item), { ttl: TTL_SECONDS, tags: [item.tag, item.category] }),
  set: async (item: Item) =>
    cache.set(item.key, item.value, { ttl: TTL_SECONDS, tags: [item.tag, item.category] }),
});

const untagged = (cache: CacheService, load: Ground['load']) => ({
  getOrSet: (item: Item) => cache.getOrSet(item.key, () => load(item), TTL_SECONDS),
  set: async (item: Item) => cache.set(item.key, item.value, TTL_SECONDS),
});
