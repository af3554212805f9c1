import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { Clock } from '../../../src/coordination/clock.js';
import { describeWith, redis, startOwnRedis, type RunningServer } from '../../servers/index.js';
import { RedisProxy } from './redis-proxy.js';

/** More than any deadline here, less than a person's patience. */
const settle = () => sleep(150);

describeWith('redis', 'A cache on a wire that is slow, silent or cut', () => {
  let proxy: RedisProxy;
  let namespace: string;
  let caches: CacheService[];
  let direct: CacheService;

  const open = async (options: CacheModuleOptions = {}) => {
    const cache = await createCache({
      redis: { url: proxy.url },
      namespace,
      deadline: { read: '200ms', write: '400ms' },
      breaker: { failures: 1_000, retry: '50ms' },
      jitter: 0,
      ...options,
    });
    caches.push(cache);
    return cache;
  };

  beforeEach(async () => {
    const { url, ...shared } = redis();
    ({ namespace } = shared);
    caches = [];
    proxy = await RedisProxy.to(Number(new URL(url).port || 6379));
    direct = await open({ redis: { url } });
  });
  afterEach(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    await proxy.close();
  });

  it('a set whose time is not known in time still makes the old value disappear', async () => {
    await direct.set('k', 'old', 600);
    const cache = await open();
    proxy.hold('commands');
    await cache.set('k', 'new', 600);
    proxy.release();
    await expect.poll(() => cache.stats().state).toBe('up');
    expect(await cache.get('k')).not.toBe('old');
  });

  it('an answer that arrives after Redis was given up is not judged by what is known without Redis', async () => {
    await direct.set('k', 'old', { ttl: 600, tags: ['t'] });
    await direct.invalidateTags('t');
    const cache = await open({ deadline: { read: 5, write: '100ms' } });
    await cache.get('warm');
    proxy.hold('commands');
    const late = cache.get('k');
    await cache.delete('other');
    expect(cache.stats().state).toBe('down');
    proxy.release();
    expect(await late).toBeUndefined();
  });

  it('a load from before an invalidation is not joined when Redis is lost while it is being stored', async () => {
    const cache = await open({ deadline: { read: '50ms', write: '2s' }, breaker: { failures: 2 } });
    let end!: (value: string) => void;
    const loaded = new Promise<string>((resolve) => (end = resolve));
    await new Promise<void>((began) => {
      const load = () => {
        began();
        return loaded;
      };
      void cache.getOrSet('k', load, { tags: ['t'] });
    });
    await cache.invalidateTags('t');
    proxy.hold('commands');
    end('old');
    await expect.poll(() => cache.get('other').then(() => cache.stats().state)).toBe('down');
    expect(await cache.getOrSet('k', () => 'new', { tags: ['t'] })).toBe('new');
    proxy.release();
  });

  it('no caller of getOrSet fails because nothing is known of the registry', async () => {
    const cache = await open({ deadline: { read: '50ms', write: '50ms' } });
    proxy.hold('commands');
    const loads = Array.from({ length: 5 }, (_, index) => cache.getOrSet('k', () => index));
    expect((await Promise.allSettled(loads)).map(({ status }) => status)).toEqual(
      Array.from({ length: 5 }, () => 'fulfilled'),
    );
  });

  it('a process that was busy for longer than the deadline has lost nothing', async () => {
    const cache = await open();
    let downs = 0;
    cache.on('down', () => (downs += 1));
    await cache.set('k', 'there', 600);
    const away = await open({ breaker: { failures: 1 }, memory: false });
    away.on('down', () => (downs += 1));
    const reads = Array.from({ length: 5 }, () => away.get('k'));
    const write = cache.set('written', 'meanwhile');
    const busyUntil = Date.now() + 700;
    while (Date.now() < busyUntil);
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 5 }, () => 'there'));
    await write;
    expect(await cache.get('written')).toBe('meanwhile');
    expect(downs).toBe(0);
  });

  it('invalidations are seen though the line for messages fell silent without an end', async () => {
    const cache = await open();
    const load = (value: string) => cache.getOrSet('k', () => value, { ttl: 600, tags: ['t'] });
    await load('old');
    proxy.hold('messages');
    await direct.invalidateTags('t');
    await expect.poll(() => load('new'), { timeout: 15_000, interval: 200 }).toBe('new');
    proxy.release();
    await direct.invalidateTags('t');
    await expect.poll(() => load('newer'), { timeout: 15_000, interval: 200 }).toBe('newer');
  }, 40_000);

  it('invalidations are seen after the line for messages was cut alone', async () => {
    const cache = await open();
    const load = (value: string) => cache.getOrSet('k', () => value, { ttl: 600, tags: ['t'] });
    await load('old');
    for (const round of ['1', '2', '3']) {
      proxy.cut('messages');
      await direct.invalidateTags('t');
      await expect.poll(() => load(round)).toBe(round);
    }
    expect(cache.stats().state).toBe('up');
  });

  it('a stamp taken without Redis makes nothing survive an invalidation, however wrong the clock of the host', async () => {
    class Ahead extends Clock {
      now() {
        return Date.now() + 3_600_000;
      }
    }
    const cache = await open({ clock: new Ahead() });
    await cache.get('warm');
    proxy.hold('commands');
    await cache.delete('something');
    expect(cache.stats().state).toBe('down');
    const asOf = await cache.asOf();
    proxy.release();
    await expect.poll(() => cache.stats().state).toBe('up');
    await cache.invalidateTags('t');
    await cache.set('k', 'old', { asOf, tags: ['t'] });
    expect(await cache.get('k')).toBeUndefined();
  });
});

describeWith('redis', 'A cache on Redis', () => {
  const caches: CacheService[] = [];
  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });
  const open = async (options: CacheModuleOptions = {}) => {
    const { url, namespace } = redis();
    const cache = await createCache({ redis: { url }, namespace, jitter: 0, ...options });
    caches.push(cache);
    return cache;
  };

  it('gives up a load that never ends: its key can be loaded and stored again', async () => {
    const cache = await open({ lease: { ttl: '40ms', wait: '100ms' } });
    void cache.getOrSet('k', () => new Promise<never>(() => {}));
    await sleep(2_000);
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await cache.get('k')).toBe('loaded');
  });

  it('never serves a stale value past its staleTtl, however long its refresh takes', async () => {
    const cache = await open({ lease: { wait: '100ms' } });
    const slow = () => new Promise<never>(() => {});
    await cache.set('k', 'old', { ttl: '50ms', staleTtl: '400ms' });
    await sleep(100);
    expect(await cache.getOrSet('k', slow, { ttl: 60 })).toBe('old');
    expect(await cache.getOrSet('k', () => 'loaded alone', { ttl: 60 })).toBe('old');
    await sleep(400);
    expect(await cache.getOrSet('k', () => 'loaded alone', { ttl: 60 })).toBe('loaded alone');
  });

  it('outlives listeners that throw, and calls the others', async () => {
    const cache = await open();
    const heard: string[] = [];
    for (const event of ['hit', 'miss', 'fill'] as const) {
      cache.on(event, () => {
        throw new Error('a listener of the application');
      });
      cache.on(event, () => heard.push(event));
    }
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await cache.get('k')).toBe('loaded');
    expect(heard).toEqual(['miss', 'fill', 'hit']);
  });

  it('keeps in memory no more bytes of Redis than the entry has', async () => {
    const writer = await open();
    const names = Array.from({ length: 200 }, (_, index) => `h${index}`);
    const request = (value: string) => ({ hash: { space: 'http' as const, value } });
    for (const name of names) {
      const lead = await writer.openEntry(request(name));
      if (!lead.found) await lead.fill(Buffer.from('petal'.repeat(20)), { ttl: 60_000, codec: 'http' });
    }
    const cache = await open({ namespace: writer.options.namespace });
    await Promise.all(names.map((name) => cache.openEntry(request(name))));
    const entry = await cache.openEntry(request('h7'));
    expect(entry).toMatchObject({ found: true, source: 'memory' });
    if (entry.found) expect(entry.entry.payload.buffer.byteLength).toBeLessThan(1_000);
  });

  it('leaves nothing on a client of the application when it is closed', async () => {
    const client = createClient({ url: redis().url });
    client.on('error', () => {});
    await client.connect();
    const listeners = () =>
      (client as unknown as EventEmitter).eventNames().map((name) => [name, client.listenerCount(name)]);
    const before = listeners();
    const cache = await createCache({ redis: { client }, namespace: redis().namespace });
    await cache.set('k', 1);
    expect(await cache.get('k')).toBe(1);
    await cache.close();
    expect(listeners()).toEqual(before);
    expect(await client.ping()).toBe('PONG');
    await client.close();
  });

  it('many factories may listen to the signal of close()', async () => {
    const cache = await open();
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        cache.getOrSet(`k${index}`, ({ signal }) => signal.addEventListener('abort', () => {}), 60),
      ),
    );
    await settle();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it.each([
    'redis://:pass/word@localhost:6379',
    'redis://:%zz-secret@localhost',
    'redis://:secret@host:port',
  ])('refuses a Redis URL that can not be read without showing it: %s', async (url) => {
    const error = await createCache({ redis: { url } }).then(
      (cache) => cache.close(),
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'INVALID_CACHE_OPTIONS' });
    expect(JSON.stringify([error, String(error), (error as Error).cause ?? ''])).not.toMatch(/secret/);
  });

  it.each([
    { deadline: { read: 0 } },
    { deadline: { write: '60d' } },
    { breaker: { retry: 0 } },
    { lease: { ttl: 0 } },
  ])('refuses %j, with which it could do nothing or nothing else', async (options) => {
    await expect(createCache({ redis: false, ...options })).rejects.toMatchObject({
      code: 'INVALID_CACHE_OPTIONS',
    });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -5, 1.5, '7' as unknown as number])(
    'refuses %s as a stamp',
    async (asOf) => {
      const cache = await open();
      await expect(cache.set('k', 1, { asOf })).rejects.toMatchObject({ code: 'INVALID_CACHE_OPTIONS' });
    },
  );

  it('takes the last of several values for one key', async () => {
    const cache = await open();
    await cache.setMany([
      ['k', 1],
      ['k', undefined],
      ['l', undefined],
      ['l', 2],
    ]);
    expect([await cache.get('k'), await cache.get('l')]).toEqual([undefined, 2]);
  });

  it('counts over bytes that are not its own', async () => {
    const cache = await open();
    await cache.increment('n');
    const client = await createClient({ url: redis().url }).connect();
    const key = `${cache.options.namespace}:v2:k:n`;
    await client.del(key);
    await client.hSet(key, 'a', 'hash');
    expect(await cache.increment('n')).toBe(1);
    expect(cache.stats().state).toBe('up');
    await client.close();
  });
});

describeWith('redis-server', 'A cache whose Redis forgot its scripts', () => {
  let server: RunningServer;
  let cache: CacheService;
  beforeEach(async () => {
    server = await startOwnRedis();
    cache = await createCache({ redis: { url: server.url } });
  });
  afterEach(async () => {
    await cache.close();
    await server.stop();
  });

  it('memory keeps nothing of what was read while a change was sent again', async () => {
    const client = createClient({ url: server.url });
    client.on('error', () => {});
    await client.connect();
    for (const change of [
      () => cache.delete('k'),
      () => cache.increment('k', 0),
      () => cache.set('k', 'new', 600),
    ]) {
      await cache.set('k', 41, 600);
      await client.scriptFlush();
      const changed = change();
      const reads = [cache.get('k'), cache.getOrSet('k', () => 41, 600)];
      await changed;
      await Promise.all(reads);
      const inRedis = await createCache({ redis: { url: server.url }, memory: false });
      expect(await cache.get('k')).toEqual(await inRedis.get('k'));
      await inRedis.close();
    }
    await client.close();
  });

  it('listeners that throw when Redis goes and comes do not keep it away', async () => {
    for (const event of ['down', 'up'] as const)
      cache.on(event, () => {
        throw new Error('a listener of the application');
      });
    await server.kill('SIGSTOP');
    await cache.delete('k');
    await server.kill('SIGCONT');
    await expect.poll(() => cache.stats().state, { timeout: 10_000 }).toBe('up');
  });
});
