import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createClient, RESP_TYPES } from 'redis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { describeWith, redis, startOwnRedis } from '../../servers/index.js';

describeWith('redis', 'Two tiers', () => {
  let url: string;
  let namespace: string;
  let caches: CacheService[];

  const open = async (options: CacheModuleOptions = {}) => {
    const cache = await createCache({ redis: { url }, namespace, jitter: 0, ...options });
    caches.push(cache);
    return cache;
  };
  beforeEach(() => {
    ({ url, namespace } = redis());
    caches = [];
  });
  afterEach(() => Promise.all(caches.map((cache) => cache.close())));

  const bouquet = () => ({ name: 'Spring', petals: [1, 2, { red: true }], sold: new Date(0) });

  it('a caller that changes what it got changes nothing for others, wherever the value came from', async () => {
    const cache = await open();
    await cache.set('k', bouquet());
    for (let read = 0; read < 3; read += 1) {
      const got = await cache.getOrSet('k', bouquet);
      expect(got).toEqual(bouquet());
      got.petals.push(3);
      got.sold.setTime(1);
    }
  });

  it("values: 'shared' gives all callers one value that nobody can change", async () => {
    const cache = await open({ memory: { values: 'shared' } });
    await cache.set('k', { petals: [1, { red: true }] });
    const [one, other] = await Promise.all([cache.get('k'), cache.get('k')]);
    const third = await cache.getOrSet('k', () => ({ petals: [] as unknown[] }));
    expect(one).toBe(third);
    expect(other).toEqual(one);
    expect(() => third.petals.push(2)).toThrow(TypeError);
    expect(await cache.get('k')).toEqual({ petals: [1, { red: true }] });
  });

  it("values: 'shared' copies what can't be frozen", async () => {
    const cache = await open({ memory: { values: 'shared' } });
    await cache.set('k', bouquet());
    const [one, other] = [await cache.get<{ sold: Date }>('k'), await cache.get<{ sold: Date }>('k')];
    one?.sold.setTime(1);
    expect(other).toEqual(bouquet());
    expect(await cache.get('k')).toEqual(bouquet());
  });

  it('keeps no more entries than it may, and those that are used', async () => {
    const cache = await open({ memory: { maxEntries: 50 } });
    await cache.setMany(Array.from({ length: 200 }, (_, index) => [`k${index}`, index] as const));
    expect(cache.stats().memoryEntries).toBe(50);
    expect(await cache.get('k0')).toBe(0);
  });

  it('keeps no more bytes than it may, also of values that were found by their name since', async () => {
    const cache = await open({ memory: { maxBytes: 200_000 } });
    const value = 'x'.repeat(10_000);
    for (let index = 0; index < 50; index += 1) {
      await cache.set(`k${index}`, value);
      await cache.get(`k${index}`);
    }
    expect(cache.stats().memoryEntries).toBeLessThan(20);
    expect(cache.stats().memoryBytes).toBeLessThanOrEqual(200_000);
    expect(await cache.get('k0')).toBe(value);
  });

  it('a value that is too large for all of memory is had from Redis each time, so that it can be deleted', async () => {
    const cache = await open({ memory: { maxBytes: 5_000 } });
    const value = 'x'.repeat(4_000);
    await cache.set('k', value);
    for (let read = 0; read < 3; read += 1) expect(await cache.get('k')).toBe(value);
    await cache.delete('k');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('what was read before a set, and judged after it, does not take its place in memory', async () => {
    const [writer, cache] = [await open(), await open()];
    await cache.set('warm', 1);
    await writer.set('k', 'old', { tags: ['one that the reader has to ask Redis for'] });
    const first = cache.get('some other'); // opens the batch of reads, which is sent before that of writes
    const set = cache.set('k', 'new');
    const reads: Promise<unknown>[] = [];
    for (let tick = 0; tick < 20; tick += 1) {
      await Promise.resolve();
      reads.push(cache.get('k'));
    }
    await Promise.all([first, set, ...reads]);
    expect(await cache.get('k')).toBe('new');
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('new');
  });

  it('bytes of a codec that is not its own are read by that codec at each hit', async () => {
    const cache = await open();
    cache.decodeWith('bson', (payload) => payload.toString());
    const lead = await cache.openEntry({ key: 'k' });
    if (!lead.found) await lead.fill(Buffer.from('hello'), { ttl: 60_000, codec: 'bson' });
    for (let read = 0; read < 3; read += 1) expect(await cache.get('k')).toBe('hello');
  });

  it('a value over the limit is not stored, and what was there before it is gone', async () => {
    const cache = await open({ maxValueBytes: 1_000 });
    const told: number[] = [];
    cache.on('tooLarge', ({ bytes }) => told.push(bytes));
    await cache.set('k', 'small');
    await cache.set('k', 'x'.repeat(2_000));
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'y'.repeat(2_000))).toHaveLength(2_000);
    expect(await cache.has('k')).toBe(false);
    expect(told).toEqual([2_002, 2_002]);
  });

  it('compresses large values in Redis where that pays, and gives them back as they were', async () => {
    const [writer, reader] = [await open(), await open()];
    const text = JSON.stringify(Array.from({ length: 2_000 }, (_, id) => ({ id, name: `Rose ${id}` })));
    const noise = randomBytes(50_000);
    await writer.set('text', text);
    await writer.set('noise', noise);
    await writer.getOrSet('loaded', () => text);
    expect(await reader.get('text')).toBe(text);
    expect(await reader.get('noise')).toEqual(noise);
    expect(await reader.get('loaded')).toBe(text);

    const client = createClient({ url });
    await client.connect();
    const [key] = await client.keys(`${namespace}*k:text`);
    expect(await client.strLen(key as string)).toBeLessThan(text.length / 3);
    await client.close();

    const plain = await open({ compression: false, namespace: `${namespace}-plain` });
    await plain.set('text', text);
    expect(await plain.get('text')).toBe(text);
  });

  it('takes a compressed entry that is damaged, or a bomb, for a miss', async () => {
    const [writer, reader] = [await open(), await open({ maxValueBytes: 20_000 })];
    const told: string[] = [];
    reader.on('unreadable', ({ key }) => told.push(key));
    await writer.set('bomb', 'x'.repeat(1_000_000));
    await writer.set('torn', 'y'.repeat(20_000));
    const client = createClient({ url });
    await client.connect();
    const [key] = await client.keys(`${namespace}*k:torn`);
    await client.setRange(key as string, 50, 'damage');
    await client.close();
    expect(await reader.get('bomb')).toBeUndefined();
    expect(await reader.get('torn')).toBeUndefined();
    expect(await reader.getOrSet('torn', () => 'whole')).toBe('whole');
    expect(told.length).toBeGreaterThanOrEqual(2);
  });

  it('takes damaged bytes of any kind for a miss, or for what they say, and never throws', async () => {
    const deadline = { read: '10s', write: '10s' };
    const [writer, reader] = [
      await open({ deadline, compression: { threshold: 1 } }),
      await open({ deadline }),
    ];
    const client = createClient({ url });
    await client.connect();
    const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    const values = ['x'.repeat(5_000), [1, 2, 3], 5, new Map([[1, new Date(0)]])];
    const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(3),
        fc.boolean(),
        damage,
        fc.option(fc.nat(60)),
        async (which, tagged, at, cut) => {
          const name = `damaged${(count += 1)}`;
          await writer.set(name, values[which], { ttl: 60, staleTtl: 10, tags: tagged ? ['t'] : [] });
          const key = `${namespace}:v2:k:${name}`;
          const frame = (await bytes.get(key)) as unknown as Buffer;
          for (const [index, byte] of at) frame[index % frame.length] = byte;
          await client.set(key, frame.subarray(0, cut ?? frame.length), {
            expiration: { type: 'EX', value: 60 },
          });
          for (let read = 0; read < 2; read += 1) await reader.get(name);
          const ttl = await reader.ttl(name);
          if (ttl !== undefined) expect(ttl).toBeLessThan(201 * 366 * 86_400);
          await reader.getOrSet(name, () => 'loaded');
          await reader.getOrSet(name, () => 'loaded', { consistency: 'strict' });
          expect(reader.stats().state).toBe('up');
        },
      ),
      { numRuns: 300 },
    );
    await client.close();
  });

  it('asks Redis for what many callers read in one tick together, and tells it together what they write', async () => {
    const server = await startOwnRedis();
    const cache = await open({ redis: { url: server.url }, memory: false });
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
    const client = createClient({ url: server.url });
    await client.connect();
    const calls = async (name: string) => {
      const stats = await client.info('commandstats');
      return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    };
    await cache.set('warm', 0);
    const scripts = (await calls('evalsha')) + (await calls('eval'));
    await Promise.all(keys.map((key, index) => cache.set(key, index)));
    expect((await calls('evalsha')) + (await calls('eval')) - scripts).toBeLessThanOrEqual(4);
    const values = await Promise.all(keys.map((key) => cache.get(key)));
    expect(values).toEqual(keys.map((_, index) => index));
    expect((await calls('mget')) + (await calls('get'))).toBeLessThanOrEqual(6);
    await client.close();
    await server.stop();
  });
});
