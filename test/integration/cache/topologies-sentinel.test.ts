import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, createSentinel, type RedisSentinelOptions } from 'redis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { RedisOptions } from '../../../src/cache/redis/redis-options.js';
import { describeWith, unique } from '../../servers/index.js';
import { BlackHole } from './black-hole.js';
import { Load } from './load.js';
import { RedisSentinel } from './redis-sentinel.js';

describeWith('redis-server', 'A cache on the master that sentinels name', () => {
  let redis: RedisSentinel;
  let own: { redis: RedisOptions; namespace: string };
  let caches: CacheService[];
  const start = async (options: object = {}): Promise<CacheService> => {
    const cache = await createCache({ ...own, deadline: { read: '500ms', write: '1s' }, ...options });
    caches.push(cache);
    await isUp(cache);
    return cache;
  };
  const isUp = async (cache: CacheService): Promise<void> => {
    await expect.poll(() => cache.stats().state, { timeout: 20_000 }).toBe('up');
  };

  beforeEach(async () => {
    redis = await RedisSentinel.start();
    caches = [];
    own = {
      redis: { sentinel: { name: redis.name, sentinelRootNodes: redis.rootNodes } },
      namespace: unique(),
    };
  });
  afterEach(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    await redis?.stop();
  });

  const kinds: [string, () => Promise<{ redis: RedisOptions; close: () => unknown }>][] = [
    ['by its options', async () => ({ redis: own.redis, close: () => {} })],
    [
      'that the application has connected',
      async () => {
        const { sentinel } = own.redis as { sentinel: RedisSentinelOptions };
        const client = createSentinel(sentinel);
        client.on('error', () => {});
        await client.connect();
        return { redis: { client }, close: () => client.destroy() };
      },
    ],
  ];

  it.each([
    ...kinds.map(([name, kind]) => [name, 'SIGKILL', kind] as const),
    [kinds[0]![0], 'SIGSTOP', kinds[0]![1]] as const,
  ])('%s goes on with the next master after %s of this one, under load', async (_, signal, kind) => {
    const { redis: option, close } = await kind();
    const cache = await start({ redis: option });
    const other = await start();
    const entries = new Map(Array.from({ length: 200 }, (__, index) => [`key-${index}`, index]));
    await cache.setMany(entries, { tags: ['all'] });
    expect(await other.getMany([...entries.keys()])).toEqual(entries);
    expect(await cache.clearPattern('key-1*')).toBe(111);
    await cache.invalidateTags('all');
    await expect.poll(async () => (await other.getMany([...entries.keys()])).size).toBe(0);
    await Promise.all([cache.increment('n'), other.increment('n', 2), cache.increment('n', 3)]);
    expect(await other.increment('n', 0)).toBe(6);

    const load = new Load(cache);
    load.start();
    await sleep(500);
    const victim = await redis.master();
    load.allowLossFrom(Date.now() - 200);
    await victim.kill(signal);
    load.allowLossUntil(Date.now());
    await expect.poll(() => cache.stats().state, { timeout: 10_000, interval: 5 }).toBe('down');
    await isUp(cache);
    await isUp(other);
    expect(await redis.master()).not.toBe(victim);
    await sleep(500);
    if (signal === 'SIGSTOP') await victim.kill('SIGCONT');
    await sleep(500);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.old).toEqual([]);

    for (const one of [cache, other]) await isUp(one);
    await cache.set('after', 1);
    expect(await other.get('after')).toBe(1);
    await cache.set('after', 2);
    await expect.poll(() => other.get('after')).toBe(2);
    await close();
  });

  it('follows a failover that nobody died for, and gets the messages of the new master', async () => {
    const cache = await start();
    const other = await start();
    await cache.set('k', 1);
    expect(await other.get('k')).toBe(1);
    const load = new Load(cache);
    load.start();
    await sleep(200);
    load.allowLossFrom(Date.now());
    await redis.failover();
    await sleep(2_000);
    await isUp(cache);
    load.allowLossUntil(Date.now());
    await sleep(500);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.old).toEqual([]);
    await isUp(other);
    await cache.set('k', 2);
    await expect.poll(() => other.get('k')).toBe(2);
    expect(await other.get('k')).toBe(2);
    await cache.set('k', 3);
    await expect.poll(() => other.get('k'), { timeout: 500 }).toBe(3);
  });

  it.each(kinds)(
    '%s sends nothing twice: what was counted without an answer is counted once',
    async (_, kind) => {
      const master = await redis.master();
      const hole = await BlackHole.before(master.port);
      own.redis = {
        sentinel: {
          name: redis.name,
          sentinelRootNodes: redis.rootNodes,
          nodeAddressMap: { [`127.0.0.1:${master.port}`]: hole.address },
        },
      };
      const { redis: option, close } = await kind();
      const cache = await start({ redis: option, deadline: { read: '5s', write: '5s' } });
      const other = await start({ redis: { url: master.url } });
      await sleep(300); // until its line for messages is live
      await cache.increment('n'); // a count is one command from now on
      hole.mute();
      const counted = cache.increment('n').catch((error: unknown) => error);
      await expect.poll(() => other.increment('n', 0)).toBe(2);
      hole.cut();
      expect(await counted).toMatchObject({ code: 'CACHE_UNAVAILABLE' });
      await isUp(cache);
      expect(await cache.increment('n')).toBe(3);
      await cache.close();
      await close();
      await hole.close();
    },
  );

  it('does not mind the loss of sentinels, as long as the master is there', async () => {
    const cache = await start();
    const lost: string[] = [];
    cache.on('down', ({ reason }) => lost.push(reason));
    await redis.signal('SIGSTOP', 1);
    const load = new Load(cache);
    load.start();
    await sleep(3_000);
    const late = await start();
    await late.set('k', 1);
    expect(await cache.get('k')).toBe(1);
    await late.set('k', 2);
    await expect.poll(() => cache.get('k'), { timeout: 500 }).toBe(2);
    await redis.signal('SIGKILL');
    await sleep(3_000);
    await late.set('k', 3);
    await expect.poll(() => cache.get('k'), { timeout: 500 }).toBe(3);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.old).toEqual([]);
    expect(lost).toEqual([]);
  });

  it('does not take a replica for the master, whatever sentinels say', async () => {
    const master = await redis.master();
    await redis.signal('SIGSTOP');
    const client = createClient({ url: master.url });
    await client.connect();
    const [, behind] = redis.servers;
    await client.sendCommand(['REPLICAOF', '127.0.0.1', String(behind!.port)]);
    await redis.signal('SIGCONT');
    const cache = await createCache(own);
    caches.push(cache);
    expect(cache.stats().state).toBe('down');
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    await client.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    await isUp(cache);
    client.destroy();
  });
});
