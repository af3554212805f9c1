import { createKeyv as redisKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { createKeyv as memoryKeyv } from 'cacheable';
import type { Keyv } from 'keyv';
import { MEMORY_ENTRIES, TTL } from '../items.js';
import type { Ask, Ground, Setting, Subject, System } from '../system.js';

export const cacheManager: System = {
  name: 'cache-manager',
  packages: ['cache-manager', 'keyv', '@keyv/redis'],
  settings(ask) {
    if (ask.tags === 'needed') return [];
    if (ask.tiers === 'redis') {
      return [{ label: '@keyv/redis', differs: ['no tags'], open: (ground) => open(ask, ground) }];
    }
    const bounded: Setting = {
      label: ask.values === 'shared' ? 'CacheableMemory, useClone: false' : 'CacheableMemory',
      differs: ['no tags', ...(ask.tiers === 'both' ? ['no bus'] : [])],
      open: (ground) => open(ask, ground),
    };
    if (ask.values !== 'shared') return [bounded];
    const map: Setting = {
      label: 'default memory',
      differs: ['no tags', 'an unbounded Map', ...(ask.tiers === 'both' ? ['no Redis tier'] : [])],
      aside: true,
      open: async ({ load }) => subjectOf([], load),
    };
    return [bounded, map];
  },
};

async function open({ tiers, values }: Ask, { url, namespace, load }: Ground): Promise<Subject> {
  const memory = () => memoryKeyv({ lruSize: MEMORY_ENTRIES, useClone: values !== 'shared' });
  const stores = [
    ...(tiers === 'redis' ? [] : [memory()]),
    ...(tiers === 'memory' ? [] : [redisKeyv(url, { namespace })]),
  ];
  return subjectOf(stores, load);
}

function subjectOf(stores: Keyv[], load: Ground['load']): Subject {
  const cache = createCache({ stores, ttl: TTL });
  return {
    get: ({ key }) => cache.get(key),
    getOrSet: (item) => cache.wrap(item.key, () => load(item), TTL),
    set: async ({ key, value }) => cache.set(key, value, TTL),
    close: async () => cache.disconnect(),
  };
}
