import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeEntry, type Entry } from '../../src/cache/engine/entry.js';
import { MemoryStore } from '../../src/cache/engine/memory.store.js';
import { RedisStore } from '../../src/cache/engine/redis.store.js';
import { Lease, type Store } from '../../src/cache/engine/store.js';
import { RedisConnection } from '../../src/cache/redis/redis-connection.js';
import { SystemClock } from '../../src/coordination/clock.js';
import { describeWith, redis } from '../servers/index.js';

interface Adapter {
  open(): Promise<{ store: Store; root: string; close(): Promise<void> }>;
}

const memory: Adapter = {
  open: async () => ({
    store: new MemoryStore({ maxEntries: 1_000, maxBytes: 1_000_000 }, new SystemClock()),
    root: 'memory',
    close: async () => {},
  }),
};

const shared: Adapter = {
  open: async () => {
    const { url, namespace } = redis();
    const connection = new RedisConnection({ url });
    await new Promise<void>((resolve) => connection.connect(resolve, () => {}));
    return {
      store: new RedisStore(connection, namespace, 'me'),
      root: namespace,
      close: () => connection.close(),
    };
  },
};

/** What every adapter of the Store port keeps. */
const contract = (adapter: Adapter) => {
  let opened: Awaited<ReturnType<Adapter['open']>>;
  let store: Store;
  let root: string;
  beforeAll(async () => {
    opened = await adapter.open();
    ({ store, root } = opened);
  });
  afterAll(() => opened.close());

  let count = 0;
  const newKey = () => `${root}:v2:k:${(count += 1)}`;
  const bytes = () => randomBytes(100);
  const write = (key: string, frame: Buffer = bytes(), lifetime = 60_000) => ({
    key,
    bytes: frame,
    lifetime,
  });

  const acquire = async (key: string, lease: Lease, lifetime: number, newerThan: number) =>
    (await store.acquire([{ key, lease, lifetime, newerThan }]))[0];
  const fill = async (key: string, lease: Lease) => (await store.fill([{ ...write(key), lease }]))[0];

  it('gives back the very bytes, in the order of the keys, undefined for absent ones', async () => {
    const [a, b, absent] = [newKey(), newKey(), newKey()];
    const frames = [bytes(), Buffer.from([0, 255, 10, 13, 0])] as const;
    await store.write([write(a, frames[0]), write(b, frames[1])]);
    const read = await store.read([b, absent, a]);
    expect(read.map((one) => one?.toString('hex'))).toEqual([
      frames[1].toString('hex'),
      undefined,
      frames[0].toString('hex'),
    ]);
  });

  it('forgets an entry when its lifetime is over', async () => {
    const key = newKey();
    await store.write([write(key, bytes(), 80)]);
    expect(await store.read([key])).not.toEqual([undefined]);
    await sleep(120);
    expect(await store.read([key])).toEqual([undefined]);
  });

  it('counts what it removed', async () => {
    const [a, b] = [newKey(), newKey()];
    await store.write([write(a), write(b)]);
    expect(await store.remove([a, newKey(), b])).toBe(2);
    expect(await store.remove([a])).toBe(0);
    expect(await store.remove([])).toBe(0);
  });

  it('gives the lease of a key to one, until it is released or runs out', async () => {
    const key = newKey();
    const [one, other] = [new Lease(1), new Lease(1)];
    expect(await acquire(key, one, 60_000, 0)).toBeUndefined();
    expect(await acquire(key, other, 60_000, 0)).toBe(one.text);
    await store.release(key, other);
    expect(await acquire(key, other, 60_000, 0)).toBe(one.text);
    await store.release(key, one);
    expect(await acquire(key, other, 50, 0)).toBeUndefined();
    await sleep(90);
    expect(await acquire(key, one, 60_000, 0)).toBeUndefined();
    expect(await store.extend(key, other, 60_000)).toBe(false);
    expect(await store.extend(key, one, 60_000)).toBe(true);
  });

  it('lets a load take over a lease whose result would be of no use', async () => {
    const [old, another] = [newKey(), newKey()];
    await acquire(old, new Lease(1_000), 60_000, 0);
    expect(await acquire(old, new Lease(2_000), 60_000, 1_000)).toBeTypeOf('string');
    expect(await acquire(old, new Lease(2_000), 60_000, 1_001)).toBeUndefined();
    await acquire(another, new Lease(1, 'one question'), 60_000, 0);
    expect(await acquire(another, new Lease(1, 'another: question'), 60_000, 0)).toBeUndefined();
    expect(await acquire(another, new Lease(1, 'another: question'), 60_000, 0)).toBeTypeOf('string');
  });

  it('stores a fill only while its lease is held', async () => {
    const key = newKey();
    const lease = new Lease(1);
    expect(await fill(key, lease)).toBe(false);
    await acquire(key, lease, 60_000, 0);
    expect(await fill(key, lease)).toBe(true);
    expect(await fill(key, lease)).toBe(false);
    for (const overtake of [() => store.write([write(key)]), () => store.remove([key])]) {
      await acquire(key, lease, 60_000, 0);
      await overtake();
      const before = await store.read([key]);
      expect(await fill(key, lease)).toBe(false);
      expect(await store.read([key])).toEqual(before);
    }
  });

  it('stamps tags with an ever growing stamp', async () => {
    const before = await store.stamps(['t', 'u']);
    const first = await store.invalidate(['t', 'u']);
    const second = await store.invalidate(['u']);
    expect(first).toBeGreaterThan(before.clock);
    expect(second).toBeGreaterThan(first);
    expect(await store.stamps(['t', 'u', 'never'])).toEqual({ clock: second, of: [first, second, 0] });
    expect(Number.isSafeInteger(second)).toBe(true);
  });

  const header = (change: Partial<Entry> = {}) =>
    encodeEntry({
      codec: 'json',
      asOf: 1_000,
      storedAt: Date.now(),
      freshUntil: Date.now() + 60_000,
      staleUntil: Date.now() + 60_000,
      loadTime: 0,
      tags: [],
      payload: Buffer.alloc(0),
      ...change,
    });
  const basis = (clearedAt = 0) => ({ clearedAt, now: Date.now(), header: header(), lifetime: 60_000 });

  it('counts in one step, and starts anew what is older than the last clear', async () => {
    const key = newKey();
    const counts = await Promise.all(Array.from({ length: 20 }, () => store.increment(key, 1, basis())));
    expect(new Set(counts.map((result) => ('value' in result ? result.value : -1))).size).toBe(20);
    expect(await store.increment(key, -25, basis(1_000))).toEqual({ value: -5 });
    expect(await store.increment(key, 3, basis(1_001))).toEqual({ value: 3 });
  });

  it('refuses to count what is no safe integer, and leaves it as it was', async () => {
    const key = newKey();
    const frames: [string, Partial<Entry>, string][] = [
      ['not an integer', { payload: Buffer.from('"12"') }, '"12"'],
      ['not an integer', { payload: Buffer.from('1.5') }, '1.5'],
      ['not an integer', { payload: Buffer.from('12'), codec: 'typed' }, '12'],
      ['unsafe', { payload: Buffer.from('9007199254740991') }, '9007199254740991'],
      ['tagged', { payload: Buffer.from('12'), tags: ['t'] }, '12'],
    ];
    for (const [refused, change, text] of frames) {
      await store.write([write(key, header(change))]);
      expect(await store.increment(key, 1, basis())).toEqual({ refused });
      const [kept] = await store.read([key]);
      expect(kept?.toString().endsWith(text)).toBe(true);
    }
  });

  it('ends a load under way when it counts', async () => {
    const key = newKey();
    const lease = new Lease(1);
    await acquire(key, lease, 60_000, 0);
    await store.increment(key, 1, basis());
    expect(await fill(key, lease)).toBe(false);
  });

  it('scans every key below a prefix, those with only a lease included', async () => {
    const prefix = `${root}:v2:k:scan[*]?`;
    const keys = Array.from({ length: 30 }, (_, index) => `${prefix}-${index}`);
    await store.write(keys.map((key) => write(key)));
    await store.write([write(`${root}:v2:k:scanx`)]);
    await acquire(`${prefix}-lease`, new Lease(1), 60_000, 0);
    const found = new Set<string>();
    for await (const batch of store.scan(prefix)) for (const key of batch) found.add(key);
    expect([...found].sort()).toEqual([...keys, `${prefix}-lease`].sort());
  });

  it('meets a load that ends while it scans', async () => {
    const prefix = `${root}:v2:k:ends`;
    const lease = new Lease(1);
    await acquire(`${prefix}-a`, lease, 60_000, 0);
    await store.write([write(`${prefix}-b`)]);
    const found = new Set<string>();
    for await (const batch of store.scan(prefix)) {
      for (const key of batch) found.add(key);
      await fill(`${prefix}-a`, lease);
    }
    expect([...found].sort()).toEqual([`${prefix}-a`, `${prefix}-b`]);
  });
};

describe('MemoryStore keeps the contract of a store', () => {
  contract(memory);
});

describeWith('redis', 'RedisStore keeps the contract of a store', () => {
  contract(shared);
});
