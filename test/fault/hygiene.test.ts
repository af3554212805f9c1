import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { provideCacheManager } from '../../src/cache/cache-manager/cache-manager.provider.js';
import { createCache, type CacheService } from '../../src/cache/cache.service.js';
import { describeWith, startOwnRedis } from '../servers/index.js';
import { Ground } from './ground.js';

/** What of cache-manager's interface is used here. */
interface Manager {
  set(key: string, value: unknown, ttl?: number): Promise<unknown>;
  get(key: string): Promise<unknown>;
  del(key: string): Promise<unknown>;
  clear(): Promise<unknown>;
}

/** A command that the server was sent, by us or by one of our scripts. */
type Command = [name: string, ...args: string[]];

const NAMESPACE = 'shop';
const REGISTRY = `{${NAMESPACE}}:tags`;

describeWith('redis-server', 'What the cache does to a Redis that it shares with others', () => {
  let ground: Ground;
  let cache: CacheService;
  let others: CacheService[];
  const open = async (namespace: string, more = {}) => {
    const opened = await createCache({ redis: { url: ground.directUrl }, namespace, ...more });
    others.push(opened);
    return opened;
  };

  beforeEach(async () => {
    others = [];
    ground = await Ground.with(startOwnRedis);
    cache = await open(NAMESPACE);
  });
  afterEach(async () => {
    await Promise.all(others.map((one) => one.close()));
    await ground.stop();
  });

  /** Every method, hits and misses, loads in the background, counters, namespaces, cache-manager on both stores. */
  async function useAll(): Promise<void> {
    const child = cache.namespace('child').namespace('grand{child}');
    for (const scope of [cache, child]) {
      await scope.set('a', 'stored', { ttl: 60, tags: ['t', 'u'] });
      await scope.setMany(Array.from({ length: 300 }, (_, index) => [`many-${index}`, index] as const));
      await scope.set('large', 'petal '.repeat(20_000));
      await scope.get('a');
      await scope.getMany(['a', 'many-1', 'nothing', '{a}']);
      await scope.getOrSet('b', ({ addTags }) => addTags('learnt'), { ttl: 60, tags: ['t'] });
      await scope.getOrSet('stale', () => 1, { ttl: '20ms', staleTtl: 60 });
      await sleep(30);
      await scope.getOrSet('stale', () => 2, { ttl: 60, staleTtl: 60 });
      await scope.getOrSet('sure', () => 1, { ttl: 60, consistency: 'strict' });
      await scope.wrap('failing', () => Promise.reject(new Error('no flowers'))).catch(() => {});
      await scope.has('a');
      await scope.ttl('a');
      await scope.increment('n', 2, { ttl: 60 });
      await scope.decrement('n');
      await scope.set('gone', 1, { asOf: await scope.asOf() });
      await scope.delete('gone', 'never-there');
      await scope.clearPattern('many-1*');
      await scope.invalidateTags('t', 'u');
      await scope.clearModelCache('Product');
      await scope.set('kept', 1);
    }
    await child.clear();
    await cache.clearPattern('**');
    await cache.clear();
    for (const store of ['flora', 'redis-yet'] as const) {
      const manager = (await provideCacheManager({ store }).useFactory(cache)) as Manager;
      await manager.set('a', 1, 60_000);
      await manager.set('b', 1);
      await manager.get('a');
      await manager.del('a');
      await manager.clear();
      await manager.set('kept', 1);
    }
    await cache.getOrSet('last', () => 'loaded', { tags: ['t'] });
    await cache.increment('n');
  }

  async function commandsOf(act: () => Promise<unknown>): Promise<Command[]> {
    const watcher = await ground.connect();
    const commands: Command[] = [];
    await watcher.monitor((line) => {
      const args = Array.from(line.matchAll(/"((?:[^"\\]|\\.)*)"/g), ([, arg]) => arg as string);
      const [name = '', ...rest] = args;
      commands.push([name.toUpperCase(), ...rest]);
    });
    await act();
    await sleep(50);
    watcher.destroy();
    return commands;
  }

  const allKeys = async () => {
    const keys = (await ground.tell('KEYS', '*')) as string[];
    return keys.sort();
  };
  const named = (commands: readonly Command[], ...names: string[]) =>
    commands.filter(([name]) => names.includes(name));

  it('no command that walks or empties the database; pages of a bounded size; entries are unlinked', async () => {
    const commands = await commandsOf(useAll);
    expect(commands.length).toBeGreaterThan(500);
    expect(
      named(commands, 'KEYS', 'FLUSHDB', 'FLUSHALL', 'SWAPDB', 'RANDOMKEY', 'SMEMBERS', 'HGETALL'),
    ).toEqual([]);
    const deleted = named(commands, 'DEL').flatMap(([, ...keys]) => keys);
    expect(deleted.filter((key) => !key.startsWith('l:{'))).toEqual([]); // leases are a few bytes each
    const scans = named(commands, 'SCAN');
    expect(scans.length).toBeGreaterThan(0);
    for (const [, , ...options] of scans) {
      const [, pattern = '', , count] = options;
      expect(options.filter((_, index) => index % 2 === 0)).toEqual(['MATCH', 'COUNT']);
      expect(pattern).toMatch(/^(l:\{)?shop:/);
      expect(Number(count)).toBeLessThanOrEqual(1_000);
    }
    const [many] = named(commands, 'MGET', 'UNLINK', 'ZADD')
      .map((command) => command.length)
      .sort((one, other) => other - one);
    expect(many).toBeLessThanOrEqual(1_001);
  });

  it('every key is of our namespace, and lives for a time, but for the registry', async () => {
    const foreign = 'not ours';
    await ground.tell('SET', foreign, '1');
    let whileLoading: string[] = [];
    await useAll();
    await cache.getOrSet('loading', async () => {
      whileLoading = await allKeys();
      for (const key of whileLoading.filter((one) => one.startsWith('l:{')))
        expect(Number(await ground.tell('PTTL', key))).toBeGreaterThan(0);
      return 1;
    });
    expect(whileLoading.filter((key) => key.startsWith('l:{'))).toHaveLength(1);
    const forEver: string[] = [];
    for (const key of await allKeys()) {
      expect(key === foreign || /^(l:\{)?\{?shop\}?:/.test(key)).toBe(true);
      if (Number(await ground.tell('PTTL', key)) === -1) forEver.push(key);
    }
    expect(forEver).toEqual([foreign, REGISTRY].sort());
  });

  it('the registry forgets tags that concern nothing alive, at the next invalidation of any', async () => {
    await cache.invalidateTags('t');
    const aYearAgo = (Date.now() - 367 * 24 * 3_600_000) * 1_000;
    for (let from = 0; from < 5_000; from += 500) {
      const members = Array.from({ length: 500 }, (_, index) => [
        String(aYearAgo - index),
        `old-${from + index}`,
      ]);
      await ground.tell('ZADD', REGISTRY, ...members.flat());
    }
    expect(await ground.tell('ZCARD', REGISTRY)).toBeGreaterThan(5_000);
    await cache.invalidateTags('u');
    const left = (await ground.tell('ZRANGE', REGISTRY, '0', '-1')) as string[];
    expect(left.filter((tag) => tag.startsWith('old-'))).toEqual([]);
    expect(left.length).toBeLessThan(10);
  });

  it('one tag, invalidated again and again, takes one place in the registry', async () => {
    for (let round = 0; round < 50; round += 1) await cache.invalidateTags('t', 'u');
    expect(await ground.tell('ZCARD', REGISTRY)).toBeLessThan(6);
  });

  it('keys of others stay as they are, however alike their names', async () => {
    await cache.set('probe', 1);
    const ours = (await allKeys()).find((key) => key.endsWith(':probe')) as string;
    const version = ours.split(':')[1] as string;
    const names = [
      'shop',
      'shop:',
      'shop:k:a',
      'shop2:k:a',
      'SHOP:k:a',
      `shop:${version}`,
      `shop:${version}0:k:a`,
      `shop:${version}x:k:a`,
      `shop2:${version}:k:a`,
      `xshop:${version}:k:a`,
      `shop*:${version}:k:a`,
      `sho?:${version}:k:a`,
      `[shop]:${version}:k:a`,
      `{shop}:${version}:k:a`,
      `l:{shop2:${version}:k:a}`,
      `l:shop:${version}:k:a`,
      `l:{shop:${version}0:k:a}`,
      '{shop2}:tags',
      '{shop}:tags2',
      'shop:bus',
      'shop:cache-manager',
      'shop:cache-manager2:a',
      '*',
      '[',
      '\\',
      '{a,b}',
      'ключ:shop',
    ];
    for (const name of names) await ground.tell('SET', name, `of others: ${name}`);
    await ground.tell('RPUSH', 'shop2:list', '1', '2');
    await ground.tell('HSET', 'shop2:hash', 'a', '1');
    await ground.tell('ZADD', 'shop:zset', '1', 'a');
    await ground.tell('XADD', 'shop:stream', '1-1', 'a', '1');
    const foreign = [...names, 'shop2:list', 'shop2:hash', 'shop:zset', 'shop:stream'];
    const state = async () =>
      Promise.all(
        foreign.map(async (key) => [key, await ground.tell('DUMP', key), await ground.tell('PTTL', key)]),
      );
    const before = await state();
    const elsewhere = await ground.connect();
    await elsewhere.select(1);
    await elsewhere.set(ours, 'in another database');

    await useAll();
    for (const glob of GLOBS) {
      await cache.set('a', 1);
      await cache.clearPattern(glob);
    }
    await cache.clear();

    expect(await state()).toEqual(before);
    expect(await elsewhere.get(ours)).toBe('in another database');
    elsewhere.destroy();
  });

  it('patterns and clear() stay in their namespace, however alike the names of others', async () => {
    const names = ['a', 'ab', 'a*', '[ab]', 'a?', '{a}', 'a:k', 'a:n:b', '%', 'n', '*', '**', 'a\\'];
    const scopes = [
      ...names.map((name) => cache.namespace(name)),
      cache.namespace('a').namespace('b'),
      await open('shop2'),
      await open('shop:a'),
      await open('shop:n'),
    ];
    const fill = () =>
      Promise.all(
        scopes.map((scope) => scope.setMany(['a', 'b', '*', 'n:b:k:a'].map((key) => [key, key] as const))),
      );
    const count = async () => {
      const values = await Promise.all(scopes.map((scope) => scope.getMany(['a', 'b', '*', 'n:b:k:a'])));
      return values.map((found) => found.size);
    };
    for (const [index, name] of names.entries()) {
      const scope = cache.namespace(name);
      for (const clear of [...GLOBS.map((glob) => () => scope.clearPattern(glob)), () => scope.clear()]) {
        await fill();
        await clear();
        const left = await count();
        const inside = name === 'a' ? [index, names.length] : [index]; // with its child
        expect(left.filter((size, at) => !inside.includes(at) && size !== 4)).toEqual([]);
      }
    }
  });

  it('without its scripts, again and again, everything goes on', async () => {
    const end = new AbortController();
    const flushing = (async () => {
      while (!end.signal.aborted) {
        await ground.tell('SCRIPT', 'FLUSH');
        await sleep(1);
      }
    })();
    for (let round = 1; round <= 3; round += 1) {
      await useAll();
      expect(await cache.get('last')).toBe('loaded');
      expect(await cache.increment('n')).toBe(2);
    }
    end.abort();
    await flushing;
    expect(cache.stats()).toMatchObject({ state: 'up', outages: 0 });
  });
});

const GLOBS = [
  '*',
  '**',
  'a*',
  '?',
  '[a-z]',
  '[^x]*',
  '\\*',
  '{a,b}',
  'shop*',
  '*:k:*',
  'n:*',
  '%*',
  '\\',
  '[',
];
