import type { RedisClientOptions, RedisClusterOptions, RedisSentinelOptions } from 'redis';
import { CacheOptionsError } from '../cache.errors.js';

/**
 * A client of the application's, of any of node-redis's three kinds: `createClient`, `createCluster`,
 * `createSentinel`. Only what all have in common is typed: the rest differs per options.
 */
export interface RedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  duplicate(): unknown;
}

/** What is used of the options of `createSentinel`. The rest is about how node-redis gets along with sentinels. */
export type SentinelOptions = Pick<
  RedisSentinelOptions,
  'name' | 'sentinelRootNodes' | 'nodeClientOptions' | 'sentinelClientOptions' | 'nodeAddressMap' | 'RESP'
>;

/**
 * Where Redis is. One server by node-redis's client options, `{ cluster }` by those of `createCluster`,
 * `{ sentinel }` by those of `createSentinel`; or a client of the application's, alone or as `{ client }`, which is
 * neither connected nor closed here.
 */
export type RedisOptions =
  | RedisClientOptions
  | { cluster: RedisClusterOptions }
  | { sentinel: SentinelOptions }
  | { client: RedisClient }
  | RedisClient;

/** The same, each kind under its name: all that the inside of the cache ever sees. */
export type ResolvedRedis =
  | { server: RedisClientOptions }
  | { cluster: RedisClusterOptions }
  | { sentinel: SentinelOptions }
  | { client: RedisClient };

const URL_EXPECTED = 'redis://user:password@host:port/database, or rediss:// for TLS';
const CLIENT_EXPECTED = 'a client, cluster or sentinel made by node-redis (the package redis)';

/** @throws CacheOptionsError, which never shows a URL: it may hold a password */
export function resolveRedis(value: unknown): ResolvedRedis {
  if (isClient(value)) return { client: value };
  if (!isObject(value))
    throw wrong('redis is no object', "{ url: 'redis://…' }, other node-redis options, a client, or false");
  const kinds = ['client', 'cluster', 'sentinel', 'url'].filter((kind) => value[kind] !== undefined);
  if (kinds.length > 1) throw wrong(`redis has ${kinds.join(' and ')}`, 'one of them');
  const { client, cluster, sentinel } = value;
  if (client !== undefined) {
    if (isClient(client)) return { client };
    throw wrong('redis.client is not a client that can be used here', CLIENT_EXPECTED);
  }
  if (cluster !== undefined) return { cluster: checkedCluster(cluster) };
  if (sentinel !== undefined) return { sentinel: checkedSentinel(sentinel) };
  checkNode('redis', value);
  return { server: value };
}

export const isCluster = (client: object): boolean => has(client, 'nodeClient') && has(client, 'duplicate');
export const isSentinel = (client: object): boolean => has(client, 'getMasterNode') && has(client, 'acquire');

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const has = (value: object, method: string): boolean =>
  typeof (value as Record<string, unknown>)[method] === 'function';

/** A pool has no `duplicate`, ioredis no `sendCommand` of this kind and no `isReady`. */
function isClient(value: unknown): value is RedisClient {
  return (
    isObject(value) &&
    ['duplicate', 'sendCommand', 'on', 'off'].every((method) => has(value, method)) &&
    typeof value['isReady'] === 'boolean'
  );
}

function checkedCluster(options: unknown): RedisClusterOptions {
  const { rootNodes, defaults = {} } = isObject(options) ? options : {};
  if (!Array.isArray(rootNodes) || rootNodes.length === 0 || !rootNodes.every(isObject)) {
    throw wrong('redis.cluster.rootNodes is missing or empty', "[{ url: 'redis://host:port' }, …]");
  }
  rootNodes.forEach((node: Record<string, unknown>, index) =>
    checkNode(`redis.cluster.rootNodes[${index}]`, node),
  );
  checkNode('redis.cluster.defaults', defaults);
  if (isObject(defaults) && defaults['url'] !== undefined) {
    throw wrong('redis.cluster.defaults has a url', 'username, password and socket.tls there');
  }
  checkNoPrefix('redis.cluster', options as Record<string, unknown>);
  return options as RedisClusterOptions;
}

function checkedSentinel(options: unknown): SentinelOptions {
  const { name, sentinelRootNodes: nodes, ...more } = isObject(options) ? options : {};
  if (typeof name !== 'string' || name === '') {
    throw wrong('redis.sentinel.name is missing', 'the name of the master that the sentinels watch');
  }
  const isAddress = (node: unknown) =>
    isObject(node) && typeof node['host'] === 'string' && Number.isInteger(node['port']);
  if (!Array.isArray(nodes) || nodes.length === 0 || !nodes.every(isAddress)) {
    throw wrong('redis.sentinel.sentinelRootNodes is missing or empty', "[{ host: 'host', port: 26379 }, …]");
  }
  for (const name of ['nodeClientOptions', 'sentinelClientOptions']) {
    const client = more[name] ?? {};
    checkNode(`redis.sentinel.${name}`, client);
    if (client['url'] !== undefined) {
      throw wrong(`redis.sentinel.${name} has a url`, 'username, password and socket.tls there');
    }
  }
  checkNoPrefix('redis.sentinel', more);
  return options as SentinelOptions;
}

function checkNode(name: string, options: unknown): asserts options is Record<string, unknown> {
  if (!isObject(options)) throw wrong(`${name} is no object`, 'node-redis client options');
  const { url, socket } = options;
  checkNoPrefix(name, options);
  if (url === undefined) return;
  if (typeof url !== 'string' || !/^rediss?:\/\/./.test(url) || !isReadable(url)) {
    throw new CacheOptionsError({
      problem: `${name === 'redis' ? 'the Redis URL' : `${name}.url`} can not be read`,
      expected: URL_EXPECTED,
      advice: 'percent-encode what is special in a URL, in the password above all',
    });
  }
  const tls = isObject(socket) ? socket['tls'] : undefined;
  if (tls !== undefined && tls !== url.startsWith('rediss:')) {
    throw wrong(`${name}.url and socket.tls disagree`, 'rediss:// where TLS is meant, redis:// where not');
  }
}

function isReadable(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password, pathname } = new URL(url);
  try {
    decodeURIComponent(username);
    decodeURIComponent(password);
  } catch {
    return false;
  }
  return /^\/?\d*$/.test(pathname);
}

/** Keys that are named by us and prefixed by the client would not be found by those who name them. */
function checkNoPrefix(name: string, options: Record<string, unknown>): void {
  if (options['keyPrefix'] !== undefined) {
    throw wrong(`${name}.keyPrefix is not supported`, 'the option namespace of the cache');
  }
}

const wrong = (problem: string, expected: string): CacheOptionsError =>
  new CacheOptionsError({ problem, expected });
