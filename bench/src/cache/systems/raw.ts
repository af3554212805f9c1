import { LRUCache } from 'lru-cache';
import { createClient } from 'redis';
import { MEMORY_ENTRIES, TTL, type Item, type Product } from '../items.js';
import type { Ask, Ground, Setting, Subject, System } from '../system.js';

/** The default, an AbortSignal for each command, costs several times what the command does. */
const NO_TIMEOUT = 0;

/** The libraries underneath, used by hand: what can't be beaten, only come near to. */
export const raw: System = {
  name: 'raw',
  packages: ['lru-cache', 'redis'],
  settings(ask) {
    if (ask.tiers !== 'redis') return [inMemory(ask)];
    const sets = ask.tags === 'needed';
    const differs = [sets ? 'tags are sets of keys' : 'no tags', 'no single flight', 'no deadline'];
    const fast: Setting = {
      label: sets ? 'node-redis, SADD and SMEMBERS' : 'node-redis, JSON',
      differs,
      open: async (ground) => redisOnly(ask, ground, { timeout: NO_TIMEOUT }),
    };
    if (sets) return [fast];
    const asItComes: Setting = {
      label: 'node-redis with its default timeout, JSON',
      differs: ['no tags', 'no single flight'],
      aside: true,
      open: async (ground) => redisOnly(ask, ground, {}),
    };
    return [fast, asItComes];
  },
};

function inMemory(ask: Ask): Setting {
  const kept = ask.values === 'isolated' ? 'lru-cache of JSON strings' : 'lru-cache';
  return {
    label: ask.tiers === 'memory' ? kept : `${kept}, node-redis`,
    differs: ['no tags', 'no single flight', 'no bus'],
    open: async (ground) => (ask.tiers === 'memory' ? memoryOnly(ask, ground) : twoTiers(ask, ground)),
  };
}

interface Memory {
  get(key: string): Product | undefined;
  set(key: string, value: Product): void;
}

function memoryOf({ values }: Ask): Memory {
  if (values !== 'isolated') {
    const lru = new LRUCache<string, Product>({ max: MEMORY_ENTRIES, ttl: TTL });
    return { get: (key) => lru.get(key), set: (key, value) => void lru.set(key, value) };
  }
  const lru = new LRUCache<string, string>({ max: MEMORY_ENTRIES, ttl: TTL });
  return {
    get(key) {
      const json = lru.get(key);
      return json === undefined ? undefined : (JSON.parse(json) as Product);
    },
    set: (key, value) => void lru.set(key, JSON.stringify(value)),
  };
}

function memoryOnly(ask: Ask, { load }: Ground): Subject {
  const memory = memoryOf(ask);
  const miss = async (item: Item) => {
    const value = await load(item);
    memory.set(item.key, value);
    return value;
  };
  return {
    get: ({ key }) => memory.get(key),
    getOrSet: (item) => memory.get(item.key) ?? miss(item),
    set: async ({ key, value }) => memory.set(key, value),
    close: async () => {},
  };
}

async function redisOnly(
  { tags }: Ask,
  { url, namespace, load }: Ground,
  commandOptions: { timeout?: number },
): Promise<Subject> {
  const client = await createClient({ url, commandOptions }).connect();
  const sets = tags === 'needed';
  const named = (key: string) => `${namespace}:${key}`;
  const get = async ({ key }: Item) => {
    const json = await client.get(named(key));
    return json === null ? undefined : (JSON.parse(json) as Product);
  };
  const set = async (item: Item) => {
    const key = named(item.key);
    const written = client.set(key, JSON.stringify(item.value), { PX: TTL });
    if (!sets) return written;
    const tagged = [item.tag, item.category].map(async (tag) => client.sAdd(named(tag), key));
    return Promise.all([written, ...tagged]);
  };
  const invalidate = async (tag: string) => {
    const keys = await client.sMembers(named(tag));
    for (let n = 0; n < keys.length; n += 1_000) await client.unlink(keys.slice(n, n + 1_000));
    await client.unlink(named(tag));
  };
  const getOrSet = async (item: Item) => {
    const hit = await get(item);
    if (hit !== undefined) return hit;
    const value = await load(item);
    await set({ ...item, value });
    return value;
  };
  return { get, set, getOrSet, ...(sets && { invalidate }), close: async () => client.destroy() };
}

async function twoTiers(ask: Ask, ground: Ground): Promise<Subject> {
  const redis = await redisOnly({ ...ask, tags: 'none' }, ground, { timeout: NO_TIMEOUT });
  const memory = memoryOf(ask);
  const miss = async (item: Item) => {
    const value = (await redis.getOrSet(item)) as Product;
    memory.set(item.key, value);
    return value;
  };
  return {
    get: (item) => memory.get(item.key) ?? redis.get(item),
    getOrSet: (item) => memory.get(item.key) ?? miss(item),
    set: async (item) => {
      memory.set(item.key, item.value);
      return redis.set(item);
    },
    close: redis.close,
  };
}
