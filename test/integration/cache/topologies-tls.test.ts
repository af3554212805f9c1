import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { RedisOptions } from '../../../src/cache/redis/redis-options.js';
import { describeWith, startOwnRedis } from '../../servers/index.js';
import { RedisCluster } from './redis-cluster.js';
import { RedisSentinel } from './redis-sentinel.js';
import { hasOpenssl, makePapers, type Papers, TlsFront } from './tls-front.js';

describe.skipIf(!hasOpenssl)(`TLS${hasOpenssl ? '' : ' [skipped: there is no openssl]'}`, () => {
  describeWith('redis-server', 'A cache whose Redis speaks TLS, with an authority of its own', () => {
    let papers: Papers;
    let caches: CacheService[] = [];
    /** Closed last first. */
    let stops: (() => Promise<unknown>)[] = [];
    const start = async (redis: RedisOptions): Promise<CacheService> => {
      const cache = await createCache({ redis, namespace: 'shop' });
      caches.push(cache);
      return cache;
    };
    const isWorking = async (redis: RedisOptions): Promise<void> => {
      const [cache, other] = [await start(redis), await start(redis)];
      for (const one of [cache, other]) await expect.poll(() => one.stats().state).toBe('up');
      const entries = new Map(Array.from({ length: 50 }, (_, index) => [`key-${index}`, index]));
      await cache.setMany(entries);
      await expect.poll(() => other.getMany([...entries.keys()])).toEqual(entries);
      await cache.set('key-0', 'new');
      await expect.poll(() => other.get('key-0')).toBe('new');
      expect(await cache.clearPattern('*')).toBe(50);
      await expect.poll(async () => (await other.getMany([...entries.keys()])).size).toBe(0);
    };
    const front = async (port: number): Promise<TlsFront> => {
      const tls = await TlsFront.before(port, papers);
      stops.push(() => tls.close());
      return tls;
    };

    beforeAll(async () => {
      papers = await makePapers();
    });
    afterEach(async () => {
      await Promise.all(caches.map((cache) => cache.close()));
      for (const stop of stops.toReversed()) await stop();
      caches = [];
      stops = [];
    });

    it('works by rediss://, with a certificate of the client', async () => {
      const server = await startOwnRedis();
      stops.push(() => server.stop());
      const { url } = await front(server.port);
      const { ca, client } = papers;
      await isWorking({ url, socket: { tls: true, ca, ...client } });
      expect.assertions(6);
    });

    it('does without Redis where the certificate is not to be trusted', async () => {
      const server = await startOwnRedis();
      stops.push(() => server.stop());
      const { url } = await front(server.port);
      const cache = await start({ url, socket: { tls: true, ...papers.client } });
      expect(cache.stats().state).toBe('down');
      expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    });

    it('works in a cluster, whose nodes are all spoken to by TLS', async () => {
      const cluster = await RedisCluster.start(0);
      stops.push(() => cluster.stop());
      const fronts = await Promise.all(cluster.nodes.map((node) => front(node.server.port)));
      const { ca, client } = papers;
      await isWorking({
        cluster: {
          rootNodes: fronts.map(({ url }) => ({ url })),
          defaults: { socket: { tls: true, ca, ...client } },
          nodeAddressMap: Object.fromEntries(
            cluster.nodes.map((node, index) => [
              `127.0.0.1:${node.server.port}`,
              (fronts[index] as TlsFront).address,
            ]),
          ),
        },
      });
      expect.assertions(6);
    });

    it('works where sentinels name the server', async () => {
      const redis = await RedisSentinel.start(0);
      stops.push(() => redis.stop());
      const master = await redis.master();
      const { address } = await front(master.port);
      const { ca, client } = papers;
      await isWorking({
        sentinel: {
          name: redis.name,
          sentinelRootNodes: redis.rootNodes,
          nodeAddressMap: { [`127.0.0.1:${master.port}`]: address },
          nodeClientOptions: { socket: { tls: true, ca, ...client } },
        },
      });
      expect.assertions(6);
    });
  });
});
