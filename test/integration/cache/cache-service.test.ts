import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { describeWith, redis } from '../../servers/index.js';

interface Setting {
  name: string;
  options: () => CacheModuleOptions;
}

const memory: Setting = { name: 'in memory', options: () => ({ redis: false }) };
const shared: Setting = {
  name: 'on Redis',
  options: () => {
    const { url, namespace } = redis();
    return { redis: { url }, namespace };
  },
};

const promises = ({ options }: Setting) => {
  let cache: CacheService;
  beforeAll(async () => {
    cache = await createCache({ jitter: 0, ...options() });
  });
  afterAll(() => cache.close());
  let count = 0;
  const fresh = (name = 'key') => `${name}-${(count += 1)}`;

  it('gives back what was set, until it is deleted', async () => {
    const key = fresh();
    await cache.set(key, { rose: 3 }, 60);
    expect(await cache.get(key)).toEqual({ rose: 3 });
    expect(await cache.has(key)).toBe(true);
    expect(await cache.delete(key, 'never-there')).toBe(1);
    expect(await cache.get(key)).toBeUndefined();
    expect(await cache.has(key)).toBe(false);
  });

  it.each([null, 0, '', false])('takes %j for a value', async (value) => {
    const key = fresh();
    await cache.set(key, value);
    expect(await cache.get(key)).toBe(value);
    expect(await cache.getOrSet(key, () => 'loaded')).toBe(value);
  });

  it('lets an entry live for its ttl and tells the seconds left', async () => {
    const key = fresh();
    await cache.set(key, 1, '300ms');
    expect(await cache.ttl(key)).toBeGreaterThan(0);
    expect(await cache.ttl(key)).toBeLessThanOrEqual(0.3);
    await sleep(350);
    expect(await cache.get(key)).toBeUndefined();
    expect(await cache.ttl(key)).toBeUndefined();
  });

  it('stores nothing with ttl 0, and set then deletes the key', async () => {
    const key = fresh();
    await cache.set(key, 1);
    await cache.set(key, 2, 0);
    expect(await cache.has(key)).toBe(false);
    expect(await cache.getOrSet(key, () => 3, { ttl: 0 })).toBe(3);
    expect(await cache.has(key)).toBe(false);
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, 'soon', '5 parsecs', {} as number])(
    'refuses a ttl of %s at once',
    async (ttl) => {
      await expect(cache.set('k', 1, { ttl })).rejects.toMatchObject({ code: 'INVALID_DURATION' });
      await expect(cache.getOrSet('k', () => 1, { ttl })).rejects.toMatchObject({ code: 'INVALID_DURATION' });
    },
  );

  it.each(['', 'a\0b', 'x'.repeat(3_000), 7 as unknown as string, '\ud800'])(
    'refuses a key that is empty, too long, no string, or holds NUL',
    async (key) => {
      for (const call of [cache.get(key), cache.set(key, 1), cache.delete(key), cache.increment(key)]) {
        await expect(call).rejects.toMatchObject({ code: 'INVALID_CACHE_KEY' });
      }
    },
  );

  it('keeps keys with braces, percent signs and colons apart', async () => {
    const keys = ['{a}', '%7Ba%7D', 'a', '{a', 'n:a:k:b', '%257Ba', ' a', 'ä{ö}', '{}', 'a}b{c'];
    for (const key of keys) await cache.set(key, key);
    expect(await cache.getMany(keys)).toEqual(new Map(keys.map((key) => [key, key])));
    expect(await cache.clearPattern('{*')).toBe(3);
    expect(await cache.get('{a')).toBeUndefined();
    expect(await cache.get('%7Ba%7D')).toBe('%7Ba%7D');
  });

  it('refuses values that have no faithful bytes and says where they are', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    for (const [value, path] of [
      [{ a: [() => 1] }, 'a[0]'],
      [cyclic, 'self'],
      [{ p: Promise.resolve() }, 'p'],
      [Symbol('s'), 'it'],
    ] as const) {
      await expect(cache.set('k', value)).rejects.toMatchObject({
        code: 'UNSERIALISABLE_VALUE',
        message: expect.stringContaining(path) as unknown,
      });
    }
  });

  it('counts atomically, with a ttl that only the first increment sets', async () => {
    const key = fresh('counter');
    const counts = await Promise.all(
      Array.from({ length: 50 }, () => cache.increment(key, 1, { ttl: '800ms' })),
    );
    expect([...counts].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(await cache.get(key)).toBe(50);
    await cache.increment(key, 5, { ttl: 600 });
    expect(await cache.ttl(key)).toBeLessThan(1);
    expect(await cache.decrement(key, 60)).toBe(-5);
    await sleep(850);
    expect(await cache.increment(key)).toBe(1);
  });

  it('counts on from a number that was set, and refuses what is no safe integer', async () => {
    const [number, text, edge] = [fresh(), fresh(), fresh()];
    await cache.set(number, 41, 60);
    expect(await cache.increment(number)).toBe(42);
    await cache.set(text, 'many', 60);
    await cache.set(edge, Number.MAX_SAFE_INTEGER, 60);
    for (const call of [
      () => cache.increment(text),
      () => cache.increment(edge),
      () => cache.increment(number, 0.5),
      () => cache.increment(number, Number.NaN),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'NOT_A_COUNTER' });
    }
    expect(await cache.get(text)).toBe('many');
    expect(await cache.get(edge)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('starts a counter from 0 after clear()', async () => {
    const child = cache.namespace(fresh('ns'));
    await child.increment('n', 7);
    await cache.namespace('other').clear();
    expect(await child.increment('n')).toBe(8);
    await child.clear();
    expect(await child.get('n')).toBeUndefined();
    expect(await child.increment('n')).toBe(1);
  });

  it('runs one factory for a hundred callers and gives each a value of its own', async () => {
    const key = fresh();
    let runs = 0;
    const load = async () => {
      runs += 1;
      await sleep(50);
      return { petals: [1, 2, 3] };
    };
    const values = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet(key, load, 60)));
    expect(runs).toBe(1);
    expect(new Set(values).size).toBe(100);
    (values[1] as { petals: number[] }).petals.push(4);
    expect(await cache.getOrSet(key, load, 60)).toEqual({ petals: [1, 2, 3] });
    expect(runs).toBe(1);
  });

  it('fails all who wait with the error of the one factory that ran, and stores nothing', async () => {
    const key = fresh();
    let runs = 0;
    const fail = async () => {
      runs += 1;
      await sleep(30);
      throw new Error('out of roses');
    };
    const ends = await Promise.allSettled(Array.from({ length: 20 }, () => cache.getOrSet(key, fail)));
    expect(new Set(ends.map((end) => (end as PromiseRejectedResult).reason.message))).toEqual(
      new Set(['out of roses']),
    );
    expect(runs).toBe(1);
    expect(await cache.getOrSet(key, () => 'roses again')).toBe('roses again');
    const sync = fresh();
    await expect(
      cache.getOrSet(sync, () => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');
  });

  it('does not store undefined, nor what the factory skips, but shares it with those who wait', async () => {
    let runs = 0;
    for (const options of [
      { value: undefined, skip: false },
      { value: 'x', skip: true },
    ]) {
      const key = fresh();
      runs = 0;
      const load = async (context: { skip(): void }) => {
        runs += 1;
        await sleep(20);
        if (options.skip) context.skip();
        return options.value;
      };
      expect(await Promise.all([cache.getOrSet(key, load), cache.getOrSet(key, load)])).toEqual([
        options.value,
        options.value,
      ]);
      expect(runs).toBe(1);
      expect(await cache.has(key)).toBe(false);
    }
  });

  it('never serves a load that began before a delete, set, invalidation or clear', async () => {
    for (const change of [
      (key: string) => cache.delete(key),
      (key: string) => cache.set(key, 'new'),
      () => cache.invalidateTags('roses'),
      () => cache.clear(),
      (key: string) => cache.clearPattern(`${key.slice(0, -1)}*`),
    ]) {
      const key = fresh('race');
      let finish!: () => void;
      const gate = new Promise<void>((resolve) => (finish = resolve));
      let started!: () => void;
      const running = new Promise<void>((resolve) => (started = resolve));
      const slow = cache.getOrSet(
        key,
        async () => {
          started();
          await gate;
          return 'old';
        },
        { ttl: 60, tags: ['roses'] },
      );
      await running;
      await change(key);
      const after = cache.getOrSet(key, () => 'new', { ttl: 60, tags: ['roses'] });
      finish();
      expect(await slow).toBe('old');
      expect(await after).toBe('new');
      expect(await cache.getOrSet(key, () => 'newer', { ttl: 60, tags: ['roses'] })).toBe('new');
    }
  });

  it('invalidates tags that only the factory knew', async () => {
    const key = fresh();
    const load = (value: number) => cache.getOrSet(key, (context) => (context.addTags('late'), value), 60);
    expect(await load(1)).toBe(1);
    expect(await load(2)).toBe(1);
    await cache.invalidateTags('late');
    expect(await cache.has(key)).toBe(false);
    expect(await load(3)).toBe(3);
  });

  it('serves a stale value at once and loads it anew in the background', async () => {
    const key = fresh();
    let version = 0;
    const load = () => cache.getOrSet(key, () => (version += 1), { ttl: '100ms', staleTtl: 60 });
    expect(await load()).toBe(1);
    await sleep(150);
    expect(await cache.get(key)).toBeUndefined();
    expect(await load()).toBe(1);
    await expect.poll(() => cache.get(key)).toBe(2);
  });

  it('keeps namespaces apart; a parent reaches its children by clear() and ** only', async () => {
    const name = fresh('outer');
    const outer = cache.namespace(name);
    const inner = outer.namespace('in:n{er}');
    const fill = async () => {
      await outer.set('k', 'outer', { tags: ['t'] });
      await inner.set('k', 'inner', { tags: ['t'] });
    };
    await fill();
    expect([await outer.get('k'), await inner.get('k'), await cache.get('k')]).toEqual([
      'outer',
      'inner',
      undefined,
    ]);
    await outer.invalidateTags('t');
    expect([await outer.get('k'), await inner.get('k')]).toEqual([undefined, 'inner']);
    await fill();
    expect(await outer.clearPattern('*')).toBe(1);
    expect(await inner.get('k')).toBe('inner');
    await fill();
    expect(await outer.clearPattern('**')).toBe(2);
    expect(await inner.get('k')).toBeUndefined();
    await fill();
    await inner.clear();
    expect([await outer.get('k'), await inner.get('k')]).toEqual(['outer', undefined]);
    await fill();
    await outer.clear();
    expect([await outer.get('k'), await inner.get('k')]).toEqual([undefined, undefined]);
    await inner.close();
    await outer.set('k', 'open');
    expect(await outer.get('k')).toBe('open');
  });

  it('takes asOf for values loaded by oneself: an invalidation in between makes them stale at birth', async () => {
    const key = fresh();
    const asOf = await cache.asOf();
    await cache.invalidateTags('self');
    await cache.set(key, 'old', { asOf, tags: ['self'], ttl: 60 });
    expect(await cache.get(key)).toBeUndefined();
    await cache.set(key, 'new', { asOf: await cache.asOf(), tags: ['self'], ttl: 60 });
    expect(await cache.get(key)).toBe('new');
  });
};

describe('CacheService in memory', () => {
  promises(memory);
});

describeWith('redis', 'CacheService on Redis', () => {
  promises(shared);

  const caches: CacheService[] = [];
  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
  });
  const instances = async (count: number, options: CacheModuleOptions = {}) => {
    const setting = shared.options();
    const made = await Promise.all(
      Array.from({ length: count }, () => createCache({ ...setting, ...options })),
    );
    caches.push(...made);
    return made as [CacheService, CacheService];
  };

  it('shows one process what another did', async () => {
    const [one, other] = await instances(2);
    await one.set('k', 1, { tags: ['t'] });
    expect(await other.get('k')).toBe(1);
    await one.set('k', 2, { tags: ['t'] });
    await expect.poll(() => other.get('k')).toBe(2);
    await one.invalidateTags('t');
    await expect.poll(() => other.get('k')).toBeUndefined();
    await other.set('k', 3);
    expect(await one.get('k')).toBe(3);
    await other.delete('k');
    await expect.poll(() => one.get('k')).toBeUndefined();
    await one.set('pattern-1', 1);
    expect(await other.get('pattern-1')).toBe(1);
    await one.clearPattern('pattern-*');
    await expect.poll(() => other.get('pattern-1')).toBeUndefined();
  });

  it('runs one factory in all processes', async () => {
    const [one, other] = await instances(2);
    let runs = 0;
    const load = async () => {
      runs += 1;
      await sleep(100);
      return 'loaded';
    };
    const calls = Array.from({ length: 20 }, (_, index) =>
      (index % 2 ? one : other).getOrSet('shared', load),
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['loaded']));
    expect(runs).toBe(1);
  });

  it('never leaves its namespace', async () => {
    const { url, namespace } = redis();
    const client = await createClient({ url }).connect();
    const foreign = [namespace, `${namespace}x:v2:k:a`, `other-${namespace}`];
    for (const key of foreign) await client.set(key, 'foreign', { EX: 60 });
    const cache = await createCache({ redis: { url }, namespace });
    await cache.set('a', 1);
    await cache.clear();
    await cache.clearPattern('**');
    for (const key of foreign) expect(await client.get(key)).toBe('foreign');
    await client.del(foreign);
    await client.close();
    await cache.close();
  });

  it('keeps every key with an expiry, and nothing but the registry without', async () => {
    const { url, namespace } = redis();
    const cache = await createCache({ redis: { url }, namespace });
    await cache.set('a', 1);
    await cache.increment('n');
    await cache.getOrSet('b', () => 1, { tags: ['t'] });
    await cache.invalidateTags('t');
    const client = await createClient({ url }).connect();
    const forever: string[] = [];
    for await (const keys of client.scanIterator({ MATCH: `*${namespace}*` })) {
      for (const key of keys) if ((await client.ttl(key)) === -1) forever.push(key);
    }
    expect(forever).toEqual([`{${namespace}}:tags`]);
    await client.close();
    await cache.close();
  });

  it('takes bytes under its keys that are not its own for a miss', async () => {
    const { url, namespace } = redis();
    const cache = await createCache({ redis: { url }, namespace, memory: false });
    const client = await createClient({ url }).connect();
    const unreadable: string[] = [];
    cache.on('unreadable', ({ key }) => unreadable.push(key));
    await cache.set('k', { a: 1 });
    const [key] = await client.keys(`${namespace}:*`);
    for (const bytes of ['', 'text', '{"json":true}', `\xf7${'x'.repeat(50)}`]) {
      await client.set(key as string, bytes, { EX: 60 });
      expect(await cache.get('k')).toBeUndefined();
      expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    }
    expect(unreadable.length).toBeGreaterThanOrEqual(4);
    await client.del(key as string);
    await client.hSet(key as string, 'field', 'a hash');
    expect(await cache.getOrSet('k', () => 'loaded again')).toBe('loaded again');
    await client.close();
    await cache.close();
  });
});
