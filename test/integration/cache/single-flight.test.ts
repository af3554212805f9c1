import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { describeWith, redis, startOwnRedis } from '../../servers/index.js';

describeWith('redis', 'One load for all', () => {
  let shared: { url: string; namespace: string };
  let caches: CacheService[];
  let runs: number;

  const open = async (options: CacheModuleOptions = {}) => {
    const { url, namespace } = shared;
    const cache = await createCache({ redis: { url }, namespace, jitter: 0, ...options });
    caches.push(cache);
    return cache;
  };
  const hang = () => new Promise<never>(() => {});
  const load = async () => {
    runs += 1;
    await sleep(50);
    return `run ${runs}`;
  };
  const callers = (cache: CacheService, count: number) =>
    Array.from({ length: count }, () => cache.getOrSet('k', load));

  beforeEach(() => {
    shared = redis();
    caches = [];
    runs = 0;
  });
  afterEach(() => Promise.all(caches.map((cache) => cache.close())));

  it('a thousand callers in four instances run one factory', async () => {
    const instances = await Promise.all(Array.from({ length: 4 }, () => open()));
    const values = await Promise.all(instances.flatMap((cache) => callers(cache, 250)));
    expect(runs).toBe(1);
    expect(new Set(values)).toEqual(new Set(['run 1']));
  });

  it('those who wait outlive the process that loads: one of them loads then, and stores', async () => {
    const lease = { ttl: '300ms', wait: '5s' };
    const [dying, living] = [await open({ lease }), await open({ lease })];
    void dying.getOrSet('k', hang);
    await expect.poll(() => dying.stats().misses).toBe(1);
    const waiting = callers(living, 100);
    await dying.close(); // nobody renews its lease any more
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['run 1']));
    expect(runs).toBe(1);
    expect(await living.get('k')).toBe('run 1');
  });

  it('those who wait too long for another process share one load of their own, which is not stored', async () => {
    const lease = { ttl: '5s', wait: '200ms' };
    const [stuck, living] = [await open({ lease }), await open({ lease })];
    void stuck.getOrSet('k', hang);
    await expect.poll(() => stuck.stats().misses).toBe(1);
    expect(new Set(await Promise.all(callers(living, 100)))).toEqual(new Set(['run 1']));
    expect(runs).toBe(1);
    expect(await living.get('k')).toBeUndefined();
  });

  it('those who wait too long for a load of their own process share another one', async () => {
    const cache = await open({ lease: { ttl: '5s', wait: '200ms' } });
    void cache.getOrSet('k', hang);
    await expect.poll(() => cache.stats().misses).toBe(1);
    expect(new Set(await Promise.all(callers(cache, 100)))).toEqual(new Set(['run 1']));
    expect(runs).toBe(1);
  });

  it('a load that is overtaken by a write answers those who began before it, nobody after', async () => {
    const cache = await open();
    let finish: (value: string) => void = () => {};
    const first = cache.getOrSet('k', () => new Promise<string>((resolve) => (finish = resolve)));
    await expect.poll(() => cache.stats().misses).toBe(1);
    const early = cache.getOrSet('k', load);
    await cache.delete('k');
    const late = cache.getOrSet('k', load);
    finish('before the delete');
    expect(await first).toBe('before the delete');
    expect(await early).toBe('before the delete');
    expect(await late).toBe('run 1');
    expect(await cache.get('k')).toBe('run 1');
  });

  it('a load that began before an invalidation is joined by nobody, also when Redis is lost after it', async () => {
    const server = await startOwnRedis();
    const cache = await open({ redis: { url: server.url } });
    let finish: (value: string) => void = () => {};
    void cache.getOrSet('k', () => new Promise<string>((resolve) => (finish = resolve)), { tags: ['t'] });
    await expect.poll(() => cache.stats().misses).toBe(1);
    await cache.invalidateTags('t');
    await server.stop();
    await expect.poll(() => cache.stats().state).toBe('down');
    const asked = cache.getOrSet('k', load, { tags: ['t'] });
    finish('old');
    expect(await asked).toBe('run 1');
  });

  it('close() waits for no load, and ends the signal of all', async () => {
    const cache = await open();
    const signals: AbortSignal[] = [];
    void cache.getOrSet('k', ({ signal }) => {
      signals.push(signal);
      return hang();
    });
    await expect.poll(() => signals.length).toBe(1);
    await cache.close();
    expect(signals[0]?.aborted).toBe(true);
  });
});
