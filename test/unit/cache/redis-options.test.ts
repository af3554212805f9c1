import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { describe, expect, it } from 'vitest';
import { CacheOptionsError } from '../../../src/cache/cache.errors.js';
import { resolveRedis } from '../../../src/cache/redis/redis-options.js';

const rootNodes = [{ url: 'redis://localhost:7000' }];
const sentinel = { name: 'shop', sentinelRootNodes: [{ host: 'localhost', port: 26379 }] };

describe('Where Redis is', () => {
  it.each([
    ['server', { url: 'redis://localhost:6379/3' }],
    ['server', { url: 'rediss://user:p%40ss@localhost', socket: { tls: true } }],
    ['server', { url: 'redis://[::1]:6379' }],
    ['server', { socket: { path: '/run/redis.sock' } }],
    ['server', {}],
    ['cluster', { cluster: { rootNodes } }],
    ['sentinel', { sentinel }],
    ['client', { client: createClient() }],
    ['client', { client: createCluster({ rootNodes }) }],
    ['client', createSentinel(sentinel)],
  ])('is a %s by these options', (kind, options) => {
    expect(Object.keys(resolveRedis(options))).toEqual([kind]);
  });

  it.each<[unknown, RegExp]>([
    ['redis://user:s3cret@localhost', /^redis is no object/],
    [null, /^redis is no object/],
    [{ url: 'http://user:s3cret@localhost' }, /^the Redis URL can not be read/],
    [{ url: 'redis://user:s3cret/@localhost:x' }, /^the Redis URL can not be read/],
    [{ url: 'redis://user:s3cret%zz@localhost' }, /percent-encode/],
    [{ url: 'redis://user:s3cret@localhost/shop' }, /^the Redis URL can not be read/],
    [{ url: 'redis://:s3cret@localhost', socket: { tls: true } }, /socket\.tls disagree/],
    [{ url: 'redis://:s3cret@localhost', keyPrefix: 'shop:' }, /expected the option namespace/],
    [{ url: 'redis://:s3cret@localhost', cluster: { rootNodes } }, /^redis has cluster and url/],
    [{ client: createClient(), sentinel }, /^redis has client and sentinel/],
    [{ cluster: {} }, /^redis\.cluster\.rootNodes is missing or empty/],
    [{ cluster: { rootNodes: [] } }, /^redis\.cluster\.rootNodes is missing or empty/],
    [
      { cluster: { rootNodes: [...rootNodes, { url: 'http://:s3cret@x' }] } },
      /^redis\.cluster\.rootNodes\[1\]\.url can/,
    ],
    [{ cluster: { rootNodes, defaults: rootNodes[0] } }, /^redis\.cluster\.defaults has a url/],
    [{ cluster: { rootNodes, keyPrefix: 'a' } }, /^redis\.cluster\.keyPrefix is not supported/],
    [{ sentinel: { ...sentinel, name: '' } }, /^redis\.sentinel\.name is missing/],
    [{ sentinel: { name: 'shop' } }, /^redis\.sentinel\.sentinelRootNodes is missing or empty/],
    [
      { sentinel: { name: 'shop', sentinelRootNodes: [{ url: 'x' }] } },
      /sentinelRootNodes is missing or empty/,
    ],
    [{ sentinel: { ...sentinel, nodeClientOptions: rootNodes[0] } }, /nodeClientOptions has a url/],
    [{ client: null }, /^redis\.client is not a client that can be used/],
    [{ client: createClientPool({ url: 'redis://:s3cret@localhost' }) }, /made by node-redis/],
    [{ client: { status: 'ready', duplicate() {}, call() {}, on() {}, off() {} } }, /made by node-redis/],
  ])('is not told by %j', (options, message) => {
    expect(() => resolveRedis(options)).toThrow(CacheOptionsError);
    expect(() => resolveRedis(options)).toThrow(message);
    expect(() => resolveRedis(options)).toThrow(/^(?!.*s3cret)/s);
  });
});
