import type { EventEmitter } from 'node:events';
import { createClient, createCluster, createSentinel } from 'redis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { RedisOptions } from '../../../src/cache/redis/redis-options.js';
import { describeWith, startOwnRedis, type RunningServer } from '../../servers/index.js';

const newClient = (url: string) => createClient({ url });

/** By event: how many listen. */
const listeners = (client: unknown): Map<string | symbol, number> => {
  const emitter = client as EventEmitter;
  return new Map(emitter.eventNames().map((event) => [event, emitter.listenerCount(event)]));
};

/** What keeps a process from ending. */
const handles = (): string[] =>
  process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Connect|GetAddrInfo/.test(kind));

describeWith('redis-server', 'A cache on a client of the application', () => {
  let server: RunningServer;
  let client: ReturnType<typeof newClient>;
  let caches: CacheService[];
  const start = async (redis: RedisOptions): Promise<CacheService> => {
    const cache = await createCache({ redis, namespace: 'shop', breaker: { retry: '100ms' } });
    caches.push(cache);
    return cache;
  };
  const isUp = async (cache: CacheService): Promise<void> => {
    await expect.poll(() => cache.stats().state, { timeout: 10_000 }).toBe('up');
  };

  beforeEach(async () => {
    caches = [];
    server = await startOwnRedis();
    client = newClient(server.url);
    client.on('error', () => {});
  });
  afterEach(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    client.destroy();
    await server.stop();
  });

  it.each([
    ['as { client }', () => ({ client })],
    ['as it is', () => client],
  ])('given %s, uses it and leaves it as it was', async (_, redis) => {
    await client.connect();
    const heard: string[] = [];
    const messages = client.duplicate();
    messages.on('error', () => {});
    await messages.connect();
    await messages.subscribe('theirs', (message) => heard.push(message));
    const before = listeners(client);
    const other = await start({ url: server.url });
    for (let cycle = 0; cycle < 12; cycle += 1) {
      const cache = await start(redis());
      await cache.set('k', cycle);
      await expect.poll(() => other.get('k')).toBe(cycle);
      await cache.close();
    }
    expect(listeners(client)).toEqual(before);
    expect(await client.set('theirs', 'value')).toBe('OK');
    await client.publish('theirs', 'message');
    await expect.poll(() => heard).toEqual(['message']);
    messages.destroy();
  });

  it('never connects it, and is there when the application does', async () => {
    const cache = await start({ client });
    expect(client.isOpen).toBe(false);
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    await client.connect();
    await isUp(cache);
    await cache.set('k', 'stored');
    const other = await start({ url: server.url });
    expect(await other.get('k')).toBe('stored');
    await cache.set('k', 'new');
    await expect.poll(() => other.get('k')).toBe('new');
  });

  it('recovers with it, and forgets what it may have missed', async () => {
    await client.connect();
    const cache = await start({ client });
    const other = await start({ url: server.url });
    await cache.set('k', 'old', 600);
    expect(await other.get('k')).toBe('old');
    const { port } = server;
    await server.stop();
    await cache.set('k', 'new', 600);
    server = await startOwnRedis({ port });
    await isUp(cache);
    await isUp(other);
    expect(await other.get('k')).not.toBe('old');
    await cache.set('k', 'newest');
    await expect.poll(() => other.get('k')).toBe('newest');
  });

  it('takes the replies as they are, whatever the client makes of them', async () => {
    const odd = createClient({
      url: server.url,
      RESP: 2,
      keyPrefix: 'theirs:',
      commandOptions: { typeMapping: { 36: Buffer } },
    });
    await odd.connect();
    const cache = await start({ client: odd });
    const other = await start({ url: server.url });
    await cache.setMany(new Map(Object.entries({ a: 1, b: { c: [2] } })));
    expect(await other.getMany(['a', 'b'])).toEqual(await cache.getMany(['a', 'b']));
    expect(await other.get('b')).toEqual({ c: [2] });
    expect(await cache.increment('n')).toBe(1);
    expect(await other.increment('n')).toBe(2);
    await cache.invalidateTags('t');
    expect(await cache.clearPattern('*')).toBe(3);
    await cache.close();
    odd.destroy();
  });

  it.each([
    ['cluster', () => createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] })],
    ['sentinel', () => createSentinel({ name: 'shop', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] })],
  ])('knows a %s, and takes its listeners off', async (_, make) => {
    const lent = make();
    const before = listeners(lent);
    const cache = await start({ client: lent });
    expect(cache.stats().state).toBe('down');
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    await cache.close();
    expect(listeners(lent)).toEqual(before);
    expect(lent.isOpen).toBe(false);
  });

  it.each([
    ['while Redis answers', async () => {}],
    ['while it is frozen', () => server.kill('SIGSTOP')],
    ['while it is away', () => server.kill('SIGKILL')],
  ])('leaves nothing open when it is closed %s', async (_, fault) => {
    const url = server.url;
    const { port } = server;
    await client.connect();
    const before = handles().length;
    const options: RedisOptions[] = [
      { url },
      { client },
      { cluster: { rootNodes: [{ url }] } },
      { sentinel: { name: 'shop', sentinelRootNodes: [{ host: '127.0.0.1', port }] } },
    ];
    const started = await Promise.all(options.map((redis) => start(redis)));
    await fault();
    await started[0]?.set('k', 1);
    await Promise.all(started.map((cache) => cache.close()));
    await expect.poll(() => handles().length, { timeout: 8_000 }).toBeLessThanOrEqual(before);
    await server.kill('SIGCONT');
  });
});
