import { createKeyv as redisKeyv } from '@keyv/redis';
import { Cacheable, createKeyv as memoryKeyv } from 'cacheable';
import { MEMORY_ENTRIES, TTL, type Item, type Product } from '../items.js';
import type { Ask, Ground, Setting, Subject, System } from '../system.js';

export const cacheable: System = {
  name: 'cacheable',
  packages: ['cacheable', '@keyv/redis'],
  settings(ask) {
    const clone = ask.tiers !== 'redis' && ask.values === 'shared' ? ['useClone: false'] : [];
    const plain: Setting = {
      label: clone.join(''),
      differs: ['no tags', ...(ask.tiers === 'both' ? ['no bus'] : [])],
      open: (ground) => open({ ...ask, tags: 'none' }, ground),
    };
    if (ask.tags === 'none') return [plain];
    const tagged: Setting = {
      label: [...clone, 'tags: true, 2 tags'].join(', '),
      differs: ['getOrSet takes no tags: get, then set', ...(ask.tiers === 'both' ? ['no bus'] : [])],
      open: (ground) => open(ask, ground),
    };
    return ask.tags === 'needed' ? [tagged] : [plain, tagged];
  },
};

async function open({ tiers, values, tags }: Ask, { url, namespace, load }: Ground): Promise<Subject> {
  const memory = () => memoryKeyv({ lruSize: MEMORY_ENTRIES, useClone: values !== 'shared' });
  const redis = () => redisKeyv(url, { namespace });
  const cache = new Cacheable({
    ttl: TTL,
    tags: tags !== 'none',
    primary: tiers === 'redis' ? redis() : memory(),
    ...(tiers === 'both' && { secondary: redis() }),
  });
  const subject: Subject = {
    get: ({ key }) => cache.get(key),
    getOrSet: (item) => cache.getOrSet(item.key, () => load(item), { ttl: TTL }),
    set: async ({ key, value }) => cache.set(key, value, { ttl: TTL }),
    close: async () => cache.disconnect(),
  };
  if (tags === 'none') return subject;
  const store = async ({ key, tag, category }: Item, value: Product) =>
    cache.set(key, value, { ttl: TTL, tags: [tag, category] });
  return {
    ...subject,
    getOrSet: async (item) => {
      const hit = await cache.get<Product>(item.key);
      if (hit !== undefined) return hit;
      const value = await load(item);
      await store(item, value);
      return value;
    },
    set: async (item) => store(item, item.value),
    invalidate: async (tag) => cache.tags.invalidateTag(tag),
  };
}
