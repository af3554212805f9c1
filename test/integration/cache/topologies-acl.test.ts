import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { describeWith, startOwnRedis, type RunningServer } from '../../servers/index.js';
import { RedisCluster } from './redis-cluster.js';
import { RedisSentinel } from './redis-sentinel.js';

/** As docs/redis.md says, for the namespace `shop`. */
const KEYS = ['~shop:*', '~{shop}:tags', '~l:{shop:*'];
const CHANNEL = '&shop:bus*';
const COMMANDS =
  '+ping +client|info +client|kill +get +mget +set +del +unlink +pexpire +time ' +
  '+zadd +zscore +zremrangebyscore +eval +evalsha +publish +subscribe +scan';
const IN_A_CLUSTER = '+cluster|slots +cluster|nodes';
const WITH_SENTINELS = '+role';
const AT_SENTINELS = '+ping +sentinel|get-master-addr-by-name';

const PASSWORD = 's3cret/with:special@signs';
const rights = (commands: string): string[] =>
  [
    'ACL SETUSER shop reset resetchannels on'.split(' '),
    `>${PASSWORD}`,
    KEYS,
    CHANNEL,
    commands.split(' '),
  ].flat();

const urlOf = ({ port }: RunningServer): string =>
  `redis://shop:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`;

const newClient = (url: string) => createClient({ url });

/** How both are in the end. */
async function everything(cache: CacheService, other: CacheService): Promise<unknown[]> {
  const entries = new Map(Array.from({ length: 40 }, (_, index) => [`key-${index}`, index]));
  const keys = [...entries.keys()];
  await cache.setMany(entries, { tags: ['all'] });
  await expect.poll(() => other.getMany(keys)).toEqual(entries);
  await cache.set('key-0', 'new');
  await expect.poll(() => other.get('key-0')).toBe('new');
  expect(await cache.delete('key-0', 'key-1')).toBe(2);
  await cache.invalidateTags('all');
  await expect.poll(async () => (await other.getMany(keys)).size).toBe(0);
  expect(await other.getOrSet('loaded', () => 'value', { ttl: 60, staleTtl: 60 })).toBe('value');
  expect(await cache.getOrSet('loaded', () => 'another')).toBe('value');
  const slow = async () => sleep(400, 'slow');
  expect(await Promise.all([cache.getOrSet('slow', slow), other.getOrSet('slow', slow)])).toEqual([
    'slow',
    'slow',
  ]);
  expect(await cache.increment('n', 2)).toBe(2);
  expect(await other.decrement('n')).toBe(1);
  await cache.setMany(entries);
  expect(await cache.clearPattern('key-1*')).toBe(11);
  await cache.namespace('child').set('k', 1);
  await cache.clear();
  await expect.poll(async () => (await other.getMany(keys)).size).toBe(0);
  expect(await other.namespace('child').get('k')).toBeUndefined();
  return [cache.stats().state, other.stats().state];
}

describeWith('redis-server', 'A cache with a user of its own', () => {
  let server: RunningServer;
  let caches: CacheService[] = [];
  let client: ReturnType<typeof newClient>;
  const start = async (redis: object): Promise<CacheService> => {
    const cache = await createCache({ redis, namespace: 'shop', lease: { ttl: '300ms' } });
    caches.push(cache);
    return cache;
  };

  beforeAll(async () => {
    server = await startOwnRedis();
    client = newClient(server.url);
    await client.connect();
  });
  afterEach(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    caches = [];
  });
  afterAll(async () => {
    client?.destroy();
    await server?.stop();
  });

  it.each([
    ['the least rights', COMMANDS],
    ['no right to see and close its own connections', COMMANDS.replaceAll(/\+client\S+ /g, '')],
  ])('works completely with %s', async (_, commands) => {
    await client.sendCommand(rights(commands));
    const url = urlOf(server);
    expect(await everything(await start({ url }), await start({ url }))).toEqual(['up', 'up']);
  });

  it('needs each of these rights', async () => {
    await client.sendCommand(rights(COMMANDS));
    await client.sendCommand(['CONFIG', 'RESETSTAT']);
    const url = urlOf(server);
    await client.sendCommand(['SCRIPT', 'FLUSH']);
    expect(await everything(await start({ url }), await start({ url }))).toEqual(['up', 'up']);
    await Promise.all(caches.map((cache) => cache.close()));
    const stats = await client.info('commandstats');
    const used = new Set([...stats.matchAll(/cmdstat_([a-z]+)/g)].map(([, name]) => name));
    const unused = COMMANDS.split(' ').filter((right) => !used.has(right.slice(1).split('|')[0]));
    expect(unused).toEqual([]);
  });

  it('can not touch keys and channels of others', async () => {
    await client.sendCommand(rights(COMMANDS));
    await client.set('another:key', 'theirs');
    const user = newClient(urlOf(server));
    await user.connect();
    for (const command of [
      ['GET', 'another:key'],
      ['SET', 'another:key', 'ours'],
      ['UNLINK', 'another:key'],
      ['EVAL', "return redis.call('GET', KEYS[1])", '1', 'another:key'],
      ['PUBLISH', 'another:bus', 'message'],
      ['FLUSHDB'],
      ['KEYS', '*'],
      ['CONFIG', 'GET', '*'],
    ])
      await expect(user.sendCommand(command)).rejects.toThrow(
        /NOPERM|No permissions|ACL failure|can't access/,
      );
    expect(await client.get('another:key')).toBe('theirs');
    user.destroy();
  });

  it('says what is wrong with a password, and never the password', async () => {
    await client.sendCommand(rights(COMMANDS));
    await client.sendCommand(['CONFIG', 'SET', 'requirepass', 'other']);
    const said: string[] = [];
    const cache = await start({ url: `redis://shop:wr0ng-s3cret@127.0.0.1:${server.port}` });
    cache.on('down', ({ reason }) => said.push(reason));
    expect(cache.stats().state).toBe('down');
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    const failed = await cache
      .increment('n')
      .catch((error: Error) => `${error.message} ${String(error.cause)}`);
    expect(failed).not.toContain('s3cret');
    await client.sendCommand(['CONFIG', 'SET', 'requirepass', '']);
  });

  it('works in a cluster with two rights more', async () => {
    const cluster = await RedisCluster.start(0);
    await Promise.all(
      cluster.nodes.map(({ client }) => client.sendCommand(rights(`${COMMANDS} ${IN_A_CLUSTER}`))),
    );
    const redis = { cluster: { rootNodes: cluster.nodes.map(({ server }) => ({ url: urlOf(server) })) } };
    expect(await everything(await start(redis), await start(redis))).toEqual(['up', 'up']);
    await Promise.all(caches.map((cache) => cache.close()));
    await cluster.stop();
  });

  it('works where sentinels name the server, with one right more there and few at the sentinels', async () => {
    const redis = await RedisSentinel.start(0);
    const master = newClient((await redis.master()).url);
    await master.connect();
    await master.sendCommand(rights(`${COMMANDS} ${WITH_SENTINELS}`));
    await redis.tellSentinels(
      'ACL',
      'SETUSER',
      'watcher',
      'reset',
      'on',
      '>watch',
      ...AT_SENTINELS.split(' '),
    );
    const option = {
      sentinel: {
        name: redis.name,
        sentinelRootNodes: redis.rootNodes,
        nodeClientOptions: { username: 'shop', password: PASSWORD },
        sentinelClientOptions: { username: 'watcher', password: 'watch' },
      },
    };
    expect(await everything(await start(option), await start(option))).toEqual(['up', 'up']);
    await Promise.all(caches.map((cache) => cache.close()));
    master.destroy();
    await redis.stop();
  });
});
