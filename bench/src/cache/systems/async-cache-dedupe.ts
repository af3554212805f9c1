import { createCache } from 'async-cache-dedupe';
import { Redis } from 'ioredis';
import { MEMORY_ENTRIES, TTL_SECONDS, type Item, type Product } from '../items.js';
import type { Ask, Ground, Subject, System } from '../system.js';

const references = (item: Item): string[] => [item.tag, item.category];

/** One tier, memory or Redis. What it caches are calls of a function. */
export const asyncCacheDedupe: System = {
  name: 'async-cache-dedupe',
  packages: ['async-cache-dedupe', 'ioredis'],
  settings(ask) {
    if (ask.tiers !== 'redis' && ask.values === 'isolated') return [];
    if (ask.tiers === 'both' && ask.values !== 'shared') return [];
    const differs = ask.tiers === 'both' ? ['memory only: no Redis tier'] : [];
    const tier = ask.tiers === 'redis' ? 'redis' : 'memory';
    const label = ask.tags === 'none' ? tier : `${tier}, 2 references`;
    const aside = ask.tiers === 'both';
    return [{ label, differs, aside, open: async (ground) => open(ask, ground) }];
  },
};

async function open({ tiers, tags: asked }: Ask, { url, namespace, load }: Ground): Promise<Subject> {
  const tags = asked !== 'none';
  const client = tiers === 'redis' ? new Redis(url) : undefined;
  const storage = client
    ? { type: 'redis' as const, options: { client, invalidation: tags && { referencesTTL: TTL_SECONDS } } }
    : { type: 'memory' as const, options: { size: MEMORY_ENTRIES, invalidation: tags } };
  const cache = createCache({ storage, ttl: TTL_SECONDS });
  const defined = cache.define(
    namespace,
    { serialize: (item: Item) => item.key, ...(tags && { references }) },
    load,
  );
  const call = (defined as unknown as Record<string, (item: Item) => Promise<Product>>)[namespace];
  if (!call) throw new Error(`${namespace} is not defined`);
  return {
    get: (item) => call(item),
    getOrSet: (item) => call(item),
    // By the name that the function's own entries have: a set without it is not seen by the function.
    set: async (item) =>
      cache.set(
        namespace,
        `${namespace}~${item.key}`,
        item.value,
        TTL_SECONDS,
        tags ? references(item) : undefined,
      ),
    ...(tags && { invalidate: async (tag: string) => cache.invalidateAll(tag) }),
    close: async () => client?.disconnect(),
  };
}
