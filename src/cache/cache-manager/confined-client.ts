import { CacheOptionsError } from '../cache.errors.js';
import type { CacheService } from '../cache.service.js';
import { quoted } from '../engine/glob.js';

/**
 * The few commands of a Redis client that cache-manager-redis-yet calls, on our connection: each under our
 * deadline, and what would reach the whole database (FLUSHDB, KEYS) confined to one prefix.
 */
export interface ConfinedClient {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, options?: { PX: number }): Promise<void>;
  mGet(keys: string[]): Promise<(string | null)[]>;
  del(keys: string | string[]): Promise<number>;
  pTTL(key: string): Promise<number>;
  keys(): Promise<string[]>;
  flushDb(): Promise<void>;
}

export function confinedClient(cache: CacheService, prefix: string): ConfinedClient {
  const command = (...args: string[]) => cache.redisCommand(args);
  const keys = async () => {
    const found = new Set<string>();
    const pattern = `${quoted(prefix)}*`;
    let cursor = '0';
    do {
      const reply = (await command('SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000')) as [string, string[]];
      cursor = reply[0];
      for (const name of reply[1]) found.add(name);
    } while (cursor !== '0');
    return [...found];
  };
  const remove = async (names: string[]) =>
    names.length === 0 ? 0 : Number(await command('UNLINK', ...names));
  if (cache.options.redis === false) {
    throw new CacheOptionsError({
      problem: "the store 'redis-yet' needs Redis",
      expected: 'the option redis',
    });
  }
  return {
    get: async (key) => (await command('GET', key)) as string | null,
    set: async (key, value, { PX } = { PX: cache.options.ttl }) => {
      await command('SET', key, value, 'PX', String(Math.max(1, Math.ceil(PX))));
    },
    mGet: async (names) =>
      Promise.all(names.map(async (name) => (await command('GET', name)) as string | null)),
    del: async (names) => remove([names].flat()),
    pTTL: async (key) => Number(await command('PTTL', key)),
    keys,
    flushDb: async () => {
      await remove(await keys());
    },
  };
}
