import { Injectable, Inject, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Cache } from 'cache-manager';
import { createClient } from 'redis';
import { expect, it } from 'vitest';
import {
  CACHE_MANAGER,
  provideCacheManager,
} from '../../../src/cache/cache-manager/cache-manager.provider.js';
import { createCache, CacheService } from '../../../src/cache/cache.service.js';
import { describeWith, redis } from '../../servers/index.js';

describeWith('redis', 'CACHE_MANAGER', () => {
  const open = async (store: 'flora' | 'redis-yet') => {
    const { url, namespace } = redis();
    const cache = await createCache({ redis: { url }, namespace });
    const provider = provideCacheManager({ store });
    const manager = (await provider.useFactory(cache)) as Cache;
    return { url, namespace, cache, manager };
  };

  it.each(['flora', 'redis-yet'] as const)(
    "over '%s' stores for milliseconds, wraps, deletes, and clears nothing but its own keys",
    async (store) => {
      const { url, namespace, cache, manager } = await open(store);
      const client = await createClient({ url }).connect();
      await client.set(`${namespace}-foreign`, 'foreign', { EX: 60 });
      await cache.set('ours', 'kept');

      await manager.set('a', { rose: 1 }, 5_000);
      expect(await manager.get('a')).toEqual({ rose: 1 });
      expect(await manager.mget(['a', 'absent'])).toEqual([{ rose: 1 }, undefined]);
      expect(await manager.ttl('a')).toBeGreaterThan(Date.now());
      let runs = 0;
      const load = () => (runs += 1);
      expect([await manager.wrap('w', load, 5_000), await manager.wrap('w', load, 5_000)]).toEqual([1, 1]);
      await manager.del('a');
      expect(await manager.get('a')).toBeUndefined();
      for await (const keys of client.scanIterator({ MATCH: `${namespace}:*` })) {
        for (const key of keys) expect(await client.pTTL(key)).toBeGreaterThan(0);
      }

      await manager.set('b', 1);
      await manager.clear();
      expect([await manager.get('b'), await manager.get('w')]).toEqual([undefined, undefined]);
      expect(await cache.get('ours')).toBe('kept');
      expect(await client.get(`${namespace}-foreign`)).toBe('foreign');
      await client.del(`${namespace}-foreign`);
      await client.close();
      await cache.close();
    },
  );

  it('over our engine keeps types that JSON loses', async () => {
    const { cache, manager } = await open('flora');
    const value = { at: new Date(5), petals: new Map([['red', 3]]), none: null };
    await manager.set('typed', value);
    expect(await manager.get('typed')).toEqual(value);
    await cache.close();
  });

  it('is injected by its token', async () => {
    const { url, namespace } = redis();
    @Injectable()
    class Florist {
      constructor(@Inject(CACHE_MANAGER) readonly manager: Cache) {}
    }
    const provideCache = {
      provide: CacheService,
      useFactory: () => createCache({ redis: { url }, namespace }),
    };
    @Module({ providers: [provideCache, provideCacheManager(), Florist] })
    class Shop {}
    const app = await Test.createTestingModule({ imports: [Shop] }).compile();
    await app.get(Florist).manager.set('k', 1);
    expect(await app.get(CacheService).namespace('cache-manager').has('k')).toBe(true);
    await app.get(CacheService).close();
    await app.close();
  });

  it('says what is wrong with an unknown store, and with redis-yet without Redis', async () => {
    expect(() => provideCacheManager({ store: 'other' as 'flora' })).toThrow(
      /expected 'flora' or 'redis-yet'/,
    );
    const cache = await createCache({ redis: false });
    await expect(provideCacheManager({ store: 'redis-yet' }).useFactory(cache)).rejects.toThrow(
      /needs Redis/,
    );
    await cache.close();
  });
});
