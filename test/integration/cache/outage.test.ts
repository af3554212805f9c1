import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { describeWith, startOwnRedis, type RunningServer } from '../../servers/index.js';

/** Nothing may wait longer than this, however Redis fails: deadlines plus what a busy machine adds. */
const SOON = 3_000;

describeWith('redis-server', 'A cache whose Redis fails', () => {
  let server: RunningServer;
  let cache: CacheService;
  let other: CacheService;
  const options = () => ({
    redis: { url: server.url },
    namespace: 'shop',
    deadline: { read: '100ms', write: '200ms' },
    breaker: { retry: '100ms' },
  });
  const isUp = async () => {
    await expect.poll(() => cache.stats().state, { timeout: 10_000 }).toBe('up');
  };
  const inTime = async <T>(call: Promise<T>): Promise<T> =>
    Promise.race([
      call,
      sleep(SOON, undefined, { ref: false }).then(() => {
        throw new Error(`took longer than ${SOON} ms`);
      }),
    ]);

  beforeEach(async () => {
    server = await startOwnRedis();
    cache = await createCache(options());
    other = await createCache(options());
  });
  afterEach(async () => {
    await Promise.all([cache.close(), other.close()]);
    await server.stop();
  });

  const faults: [string, () => Promise<void>, () => Promise<void>][] = [
    [
      'killed',
      () => server.kill('SIGKILL'),
      async () => {
        const { port } = server;
        await server.stop();
        server = await startOwnRedis({ port });
      },
    ],
    ['frozen', () => server.kill('SIGSTOP'), () => server.kill('SIGCONT')],
  ];

  it.each(faults)(
    '%s: every call answers in time, and the cache recovers by itself',
    async (_, fail, mend) => {
      await cache.set('kept', 'before', { tags: ['t'] });
      await fail();
      expect(await inTime(cache.getOrSet('a', () => 'loaded'))).toBe('loaded');
      expect(await inTime(cache.get('b'))).toBeUndefined();
      await inTime(cache.set('c', 1));
      expect(await inTime(cache.delete('kept'))).toBe(0);
      await inTime(cache.invalidateTags('t'));
      await inTime(cache.clearPattern('x*'));
      await inTime(cache.clearModelCache('Product'));
      await expect(inTime(cache.increment('n'))).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
      expect(cache.stats().state).toBe('down');
      const started = Date.now();
      await Promise.all(
        Array.from({ length: 200 }, (__, index) => cache.getOrSet(`many-${index}`, () => index)),
      );
      expect(Date.now() - started).toBeLessThan(SOON);

      await mend();
      await isUp();
      await cache.set('after', 1);
      await expect.poll(() => other.get('after'), { timeout: 10_000 }).toBe(1);
      expect(await cache.increment('n')).toBe(1);
    },
  );

  it('frozen: writes meanwhile are not forgotten, nothing older is served afterwards', async () => {
    await cache.set('deleted', 'old', 600);
    await cache.set('overwritten', 'old', 600);
    await cache.set('tagged', 'old', { ttl: 600, tags: ['t'] });
    await cache.set('kept', 'kept', 600);
    await server.kill('SIGSTOP');
    await cache.delete('deleted');
    await cache.set('overwritten', 'new', 600);
    await cache.invalidateTags('t');
    for (const key of ['deleted', 'tagged']) expect(await cache.get(key)).toBeUndefined();
    await server.kill('SIGCONT');
    await isUp();
    for (const key of ['deleted', 'tagged']) expect(await cache.get(key)).toBeUndefined();
    expect(await cache.get('overwritten')).not.toBe('old');
    expect(await cache.get('kept')).toBe('kept');
    await expect.poll(() => other.get('deleted')).toBeUndefined();
    await expect.poll(() => other.get('tagged')).toBeUndefined();
    expect(await cache.getOrSet('tagged', () => 'new', { tags: ['t'] })).toBe('new');
    expect(cache.stats().journalled).toBe(0);
  });

  it('away: what was loaded since is served for a moment, never past an invalidation of this process', async () => {
    await server.kill('SIGKILL');
    let version = 0;
    const load = () => cache.getOrSet('k', () => (version += 1), { ttl: 600, tags: ['t'] });
    await expect.poll(() => cache.stats().state).toBe('down');
    const first = await load();
    expect(await load()).toBe(first);
    await cache.invalidateTags('t');
    expect(await load()).toBe(first + 1);
    await cache.delete('k');
    expect(await load()).toBe(first + 2);
    await sleep(1_100);
    expect(await load()).toBe(first + 3);
  });

  it('restarted empty: misses, no resurrection of what other processes remember', async () => {
    await cache.getOrSet('k', () => 'old', { ttl: 600, tags: ['t'] });
    expect(await other.get('k')).toBe('old');
    const { port } = server;
    await server.kill('SIGKILL');
    await server.stop();
    server = await startOwnRedis({ port });
    await isUp();
    await cache.invalidateTags('t');
    await expect.poll(() => other.stats().state).toBe('up');
    expect(await other.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'new', { ttl: 600, tags: ['t'] })).toBe('new');
    await expect.poll(() => other.get('k')).toBe('new');
  });

  it('full: what can be answered is answered, and a value that could not be replaced is not served', async () => {
    await cache.close();
    await other.close();
    await server.stop();
    server = await startOwnRedis({ args: ['--maxmemory', '2mb', '--maxmemory-policy', 'noeviction'] });
    cache = await createCache({ ...options(), jitter: 0 });
    other = await createCache(options());
    await cache.set('k', 'old', 600);
    const petal = 'petal'.repeat(20_000);
    for (let index = 0; index < 60; index += 1) await inTime(cache.set(`filler-${index}`, petal, 600));
    await inTime(cache.set('k', 'new', 600));
    expect(['new', undefined]).toContain(await inTime(cache.get('k')));
    expect(await inTime(cache.getOrSet('fresh', () => 'loaded'))).toBe('loaded');
  });

  it('lost and found once: large values that were being written then do not lose it again and again', async () => {
    const reasons: string[] = [];
    await cache.close();
    cache = await createCache({ ...options(), deadline: { read: '5s', write: '5s' } });
    cache.on('down', ({ reason }) => reasons.push(reason));
    const value = 'Spring '.repeat(300_000); // compressed in the background
    const end = new AbortController();
    const writers = Array.from({ length: 6 }, async (_, index) => {
      while (!end.signal.aborted) {
        await cache.set(`k${index}`, value);
        await sleep(0);
      }
    });
    await sleep(200);
    await other.redisCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await expect.poll(() => reasons.length, { timeout: 10_000 }).toBeGreaterThan(0);
    await isUp();
    await sleep(1_000);
    end.abort();
    await Promise.all(writers);
    await isUp();
    expect(await cache.get('k0')).toBe(value);
    expect(reasons.length).toBeLessThanOrEqual(2);
  });

  it('away at start: the cache starts, serves, and is there when Redis comes', async () => {
    await cache.close();
    const { port } = server;
    await server.stop();
    const late = await inTime(createCache({ ...options(), redis: { url: `redis://127.0.0.1:${port}` } }));
    expect(late.stats().state).toBe('down');
    expect(await late.getOrSet('k', () => 'loaded')).toBe('loaded');
    server = await startOwnRedis({ port });
    await expect.poll(() => late.stats().state, { timeout: 10_000 }).toBe('up');
    await late.set('k', 'stored');
    expect(await late.get('k')).toBe('stored');
    await late.close();
    cache = await createCache(options());
  });

  it("with onOutage: 'throw' reads and writes say that Redis is away, getOrSet still loads", async () => {
    const strict = await createCache({ ...options(), onOutage: 'throw' });
    await server.kill('SIGKILL');
    await expect.poll(() => strict.stats().state).toBe('down');
    for (const call of [
      strict.get('k'),
      strict.set('k', 1),
      strict.delete('k'),
      strict.invalidateTags('t'),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'CACHE_UNAVAILABLE' });
    }
    expect(await strict.getOrSet('k', () => 1)).toBe(1);
    await strict.close();
  });

  it('restarted without its scripts: they are sent again', async () => {
    await cache.set('k', 1);
    const { createClient } = await import('redis');
    const client = await createClient({ url: server.url }).connect();
    await client.scriptFlush();
    await cache.set('k', 2);
    expect(await cache.increment('n')).toBe(1);
    expect(cache.stats().state).toBe('up');
    await client.close();
  });
});
