import { randomBytes } from 'node:crypto';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { describeWith, startOwnRedis, type RunningServer } from '../../servers/index.js';
import { registryKey, Scope } from '../../../src/cache/engine/key-space.js';
import type { RedisOptions } from '../../../src/cache/redis/redis-options.js';
import { BlackHole } from './black-hole.js';
import { RedisCluster } from './redis-cluster.js';
import { RedisSentinel } from './redis-sentinel.js';

describeWith('redis-server', 'A write that Redis carries out long after it failed', () => {
  let server: RunningServer;
  let hole: BlackHole;
  let caches: CacheService[];
  const start = async (redis: RedisOptions): Promise<CacheService> => {
    const cache = await createCache({
      redis,
      namespace: 'shop',
      memory: false,
      deadline: { read: '100ms', write: '200ms' },
      breaker: { retry: '50ms' },
    });
    caches.push(cache);
    return cache;
  };
  const isUp = async (cache: CacheService) => {
    await expect.poll(() => cache.stats().state, { timeout: 15_000 }).toBe('up');
  };

  beforeEach(async () => {
    caches = [];
    server = await startOwnRedis();
    hole = await BlackHole.before(server.port);
  });
  afterEach(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    await hole.close();
    await server.stop();
  });

  /** What both read in the end. */
  const outcome = async (
    cache: CacheService,
    other: CacheService,
    hole: BlackHole,
    key = 'k',
  ): Promise<unknown[]> => {
    await isUp(cache);
    await cache.set(key, 'old', 600);
    hole.swallow();
    await cache.set(key, 'late', 600);
    expect(cache.stats().state).toBe('down');
    await isUp(cache); // by a new connection
    expect(await other.get(key)).toBeUndefined();
    await cache.set(key, 'new', 600);
    await hole.deliver();
    await sleep(100);
    return [await cache.get(key), await other.get(key)];
  };

  it('does not undo a later one, when the network delivers it after all', async () => {
    const read = await outcome(await start({ url: hole.url }), await start({ url: server.url }), hole);
    expect(read).toEqual(['new', 'new']);
  });

  it('nor in a cluster', async () => {
    const cluster = await RedisCluster.start(0);
    const holes = await Promise.all(cluster.nodes.map(({ server }) => BlackHole.before(server.port)));
    const around = Object.fromEntries(
      cluster.nodes.map(({ server }, index) => [
        `127.0.0.1:${server.port}`,
        (holes[index] as BlackHole).address,
      ]),
    );
    const rootNodes = holes.map(({ url }) => ({ url }));
    // What a set asks before it writes is asked elsewhere, and answered.
    const scope = Scope.of('shop');
    const elsewhere = await cluster.masterOf(registryKey('shop'));
    let key = 'k';
    while ((await cluster.masterOf(scope.key(key))) === elsewhere) key += 'k';
    const read = await outcome(
      await start({ cluster: { rootNodes, nodeAddressMap: around } }),
      await start({ cluster: { rootNodes: cluster.rootNodes } }),
      holes[cluster.nodes.indexOf(await cluster.masterOf(scope.key(key)))] as BlackHole,
      key,
    );
    expect(read).toEqual(['new', 'new']);
    await Promise.all(caches.map((cache) => cache.close()));
    await Promise.all(holes.map((hole) => hole.close()));
    await cluster.stop();
  });

  it('nor where sentinels name the server', async () => {
    const redis = await RedisSentinel.start(0);
    const master = await redis.master();
    const hole = await BlackHole.before(master.port);
    const sentinel = { name: redis.name, sentinelRootNodes: redis.rootNodes };
    const around = { [`127.0.0.1:${master.port}`]: hole.address };
    const read = await outcome(
      await start({ sentinel: { ...sentinel, nodeAddressMap: around } }),
      await start({ sentinel }),
      hole,
    );
    expect(read).toEqual(['new', 'new']);
    await Promise.all(caches.map((cache) => cache.close()));
    await hole.close();
    await redis.stop();
  });

  it('does not undo what was forgotten meanwhile, when a frozen server goes on', async () => {
    const cache = await start({ url: server.url });
    const other = await start({ url: server.url });
    const noise = randomBytes(15_000).toString('base64');
    await cache.set('k', 'old', 600);
    await server.kill('SIGSTOP');
    // So many that the server takes them in many pieces.
    const late: Promise<void>[] = [];
    for (let index = 0; index < 100; index += 1) {
      late.push(cache.set('k', `late ${index} ${noise}`, 600));
      await setImmediate();
    }
    await Promise.all(late);
    expect(cache.stats().state).toBe('down');
    await sleep(1_000); // another connection waits to be let in
    await server.kill('SIGCONT');
    await isUp(cache);
    expect(await cache.get('k')).toBeUndefined();
    await cache.set('k', 'new', 600);
    await sleep(100);
    expect(await cache.get('k')).toBe('new');
    expect(await other.get('k')).toBe('new');
  });
});
