import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { describeWith, startOwnRedis, type RunningServer } from '../../servers/index.js';

describeWith('redis', 'A Redis that is full, and may evict nothing', () => {
  let server: RunningServer;
  let cache: CacheService;
  let other: CacheService;
  let downs: number;
  let refused: string[];

  const fill = async () => {
    for (const bytes of [100_000, 5_000, 200, 1]) {
      refused.length = 0;
      for (let count = 0; refused.length < 5; count += 1) {
        await cache.set(`filler-${bytes}-${count}`, randomBytes(bytes));
      }
    }
    refused.length = 0;
  };
  const makeRoom = async () => {
    const client = await createClient({ url: server.url }).connect();
    await client.configSet('maxmemory', '100mb');
    await client.close();
  };

  beforeEach(async () => {
    server = await startOwnRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
    const options = { redis: { url: server.url }, namespace: 'full', jitter: 0 };
    cache = await createCache(options);
    other = await createCache(options);
    [downs, refused] = [0, []];
    cache.on('down', () => (downs += 1));
    cache.on('refused', ({ key }) => refused.push(key));
  });
  afterEach(async () => {
    await cache.close();
    await other.close();
    await server.stop();
  });

  it('what can not be stored leaves nothing older behind, anywhere, and hits go on', async () => {
    await cache.set('k', 'old');
    await cache.set('kept', 1);
    await fill();
    expect(await other.get('k')).toBe('old');
    await cache.set('k', randomBytes(100_000));
    expect(await cache.get('k')).toBeUndefined();
    await expect.poll(() => other.get('k')).toBeUndefined();
    expect(await other.get('kept')).toBe(1);
    expect(await cache.getOrSet('fresh', () => 'loaded')).toBe('loaded');
    expect(await cache.delete('kept')).toBe(1);
    expect(downs).toBe(0);
    expect(cache.stats()).toMatchObject({ state: 'up', journalled: 0 });
    expect(cache.stats().refused).toBeGreaterThan(0);
  });

  it('what is stale is served while its load fails, and anew when it does not', async () => {
    const options = { ttl: '1s', staleTtl: 60 };
    await cache.getOrSet('k', () => 'old', options);
    await fill();
    await sleep(1_100);
    let runs = 0;
    const fail = () => {
      runs += 1;
      throw new Error('the database is away');
    };
    for (let call = 0; call < 3; call += 1) expect(await cache.getOrSet('k', fail, options)).toBe('old');
    expect(runs).toBeGreaterThan(0);
    const get = () => cache.getOrSet('k', () => 'new', options);
    await expect.poll(get, { timeout: 10_000 }).toBe('new');
    expect(downs).toBe(0);
  });

  it('a counter says so, and the others lose nothing by it', async () => {
    await cache.increment('n', 5);
    await fill();
    await expect(cache.increment('new')).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    expect(cache.stats().state).toBe('up');
    await makeRoom();
    expect(await cache.increment('n')).toBe(6);
  });

  it('an invalidation that it can not be told is told when there is room, and nothing is read before', async () => {
    await cache.set('k', 'old', { tags: ['t'] });
    expect(await other.get('k')).toBe('old');
    await fill();
    await cache.invalidateTags('t');
    expect(await cache.get('k')).toBeUndefined();
    await makeRoom();
    await expect.poll(() => cache.stats().state, { timeout: 5_000 }).toBe('up');
    expect(await cache.get('k')).toBeUndefined();
    await expect.poll(() => other.get('k')).toBeUndefined();
  });
});
