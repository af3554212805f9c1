import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { describeWith, redis } from '../../servers/index.js';
import { RedisProxy } from './redis-proxy.js';

type Client = ReturnType<typeof createClient>;

describeWith('redis', 'A process whose messages do not arrive', () => {
  let proxy: RedisProxy;
  let namespace: string;
  let url: string;
  let caches: CacheService[];
  let writer: CacheService;

  const open = async (options: CacheModuleOptions) => {
    const cache = await createCache({ namespace, jitter: 0, ...options });
    caches.push(cache);
    return cache;
  };
  /** A reader that hears nothing from now on. */
  const deaf = async (options: CacheModuleOptions) => {
    const reader = await open({ redis: { url: proxy.url }, ...options });
    await reader.set('warm', 1);
    proxy.hold('messages');
    return reader;
  };

  beforeEach(async () => {
    caches = [];
    ({ url, namespace } = redis());
    proxy = await RedisProxy.to(Number(new URL(url).port || 6379));
    writer = await open({ redis: { url } });
  });
  afterEach(async () => {
    proxy.release();
    await Promise.all(caches.map((cache) => cache.close()));
    await proxy.close();
  });

  const changes: [string, (cache: CacheService) => Promise<unknown>, unknown][] = [
    ['delete', (cache) => cache.delete('k'), undefined],
    ['set', (cache) => cache.set('k', 'new'), 'new'],
    ['invalidateTags', (cache) => cache.invalidateTags('t'), undefined],
    ['invalidateTags of a tag that only the load knew', (cache) => cache.invalidateTags('late'), undefined],
    ['clearPattern', (cache) => cache.clearPattern('k*'), undefined],
    ['clear', (cache) => cache.clear(), undefined],
  ];

  it.each(changes)(
    "with consistency: 'strict' reads nothing older than a %s that is done elsewhere",
    async (_, change, now) => {
      const reader = await deaf({ consistency: 'strict' });
      const load = () =>
        reader.getOrSet('k', ({ addTags }) => (addTags('late'), 'old'), { ttl: 60, tags: ['t'] });
      await load();
      expect(await reader.get('k')).toBe('old');
      await change(writer);
      expect(await reader.get('k')).toBe(now);
      expect(await reader.has('k')).toBe(now !== undefined);
      expect((await reader.getMany(['k'])).get('k')).toBe(now);
      expect(await reader.getOrSet('k', () => 'loaded anew', { tags: ['t'] })).toBe(now ?? 'loaded anew');
    },
  );

  it.each(changes)(
    "with consistency: 'strict' joins no load that began before a %s that is done elsewhere",
    async (_, change, now) => {
      const reader = await deaf({ consistency: 'strict' });
      let finish: (value: string) => void = () => {};
      const begun = new Promise<void>((begin) => {
        void reader.getOrSet(
          'k',
          ({ addTags }) => {
            addTags('late');
            begin();
            return new Promise<string>((resolve) => (finish = resolve));
          },
          { tags: ['t'] },
        );
      });
      await begun;
      await change(writer);
      const asked = reader.getOrSet('k', () => 'loaded anew', { tags: ['t'] });
      await sleep(50);
      finish('old');
      expect(await asked).toBe(now ?? 'loaded anew');
      expect(await reader.get('k')).not.toBe('old');
    },
  );

  it.each([
    ['lost', async (client: Client, key: string) => client.del(key)],
    [
      'lost, and begun anew by a server whose clock is behind',
      async (client: Client, key: string) => {
        await client.del(key);
        await client.zAdd(key, [
          { score: 1_000, value: '#' },
          { score: 1_000, value: '*' },
        ]);
        await client.publish(`${namespace}:bus`, '{"r":1000}');
      },
    ],
  ])('a registry that was %s brings nothing back', async (_, lose) => {
    await writer.set('k', 'invalidated', { tags: ['t'] });
    await writer.invalidateTags('t');
    await writer.set('other', 1);
    const client = createClient({ url });
    await client.connect();
    await lose(client as Client, `{${namespace}}:tags`);
    await client.close();
    const [eventual, strict] = [
      await open({ redis: { url } }),
      await open({ redis: { url }, consistency: 'strict' }),
    ];
    for (const cache of [eventual, strict]) {
      expect(await cache.getMany(['k', 'other'])).toEqual(new Map());
    }
    // Whoever was there before it was lost hears of it.
    await expect.poll(() => writer.stats().memoryEntries).toBe(0);
    await writer.set('k', 'anew', { tags: ['t'] });
    for (const cache of [writer, eventual, strict]) expect(await cache.get('k')).toBe('anew');
  });

  it('a registry that is lost while a strict read asks it brings nothing back', async () => {
    const client = createClient({ url });
    await client.connect();
    // Without memory, and by name alone: the entry's tags are known once it is there, and asked for after it.
    const reader = await open({ redis: { url: proxy.url }, consistency: 'strict', memory: false });
    for (const after of [15, 45, 75, 105]) {
      await writer.set('k', 'invalidated', { tags: ['t'] });
      await writer.invalidateTags('t');
      proxy.delay = () => 30;
      const reading = reader.get('k');
      await sleep(after);
      await client.unlink(`{${namespace}}:tags`);
      expect(await reading).toBeUndefined();
      proxy.delay = () => 0;
    }
    await client.close();
  });

  it('runs one factory for all strict callers of all processes', async () => {
    const others = await Promise.all([1, 2].map(() => open({ redis: { url }, consistency: 'strict' })));
    let runs = 0;
    const load = async () => {
      runs += 1;
      await sleep(100);
      return runs;
    };
    const values = await Promise.all(
      others.flatMap((cache) => Array.from({ length: 50 }, () => cache.getOrSet('k', load, { tags: ['t'] }))),
    );
    expect(new Set(values)).toEqual(new Set([1]));
    expect(runs).toBe(1);
  });

  it('fails all strict callers once when the one factory fails', async () => {
    const cache = await open({ redis: { url }, consistency: 'strict' });
    let runs = 0;
    const load = async () => {
      runs += 1;
      await sleep(50);
      throw new Error('no flowers');
    };
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => cache.getOrSet('k', load)));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(runs).toBe(1);
  });

  it('one call can be strict where the others are not', async () => {
    const reader = await deaf({});
    await reader.getOrSet('k', () => 'old');
    await writer.set('k', 'new');
    expect(await reader.get('k')).toBe('old');
    expect(await reader.getOrSet('k', () => 'loaded', { consistency: 'strict' })).toBe('new');
  });

  it('refuses a consistency that there is not', async () => {
    await expect(open({ redis: false, consistency: 'eventually' as 'strict' })).rejects.toMatchObject({
      code: 'INVALID_CACHE_OPTIONS',
    });
    await expect(writer.getOrSet('k', () => 1, { consistency: 'exact' as 'strict' })).rejects.toMatchObject({
      code: 'INVALID_CACHE_OPTIONS',
    });
  });
});
