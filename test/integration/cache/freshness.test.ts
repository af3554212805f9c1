import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { Clock } from '../../../src/coordination/clock.js';
import { describeWith, redis } from '../../servers/index.js';

class SetClock extends Clock {
  time = Date.now();
  now(): number {
    return this.time;
  }
}

const promises = (options: () => CacheModuleOptions) => {
  let cache: CacheService;
  const clock = new SetClock();
  const failures: unknown[] = [];
  beforeAll(async () => {
    cache = await createCache({ jitter: 0, clock, ...options() });
    cache.on('refreshFailed', ({ error }) => failures.push(error));
  });
  afterAll(() => cache.close());
  let count = 0;
  const newKey = () => `freshness-${(count += 1)}`;
  const minutes = { ttl: '1m', staleTtl: '10m' } as const;

  it('serves the stale value while its refresh fails, and does not try again at once', async () => {
    const key = newKey();
    await cache.getOrSet(key, () => 'old', minutes);
    clock.time += 90_000;
    let runs = 0;
    const fail = async () => {
      runs += 1;
      throw new Error('the database is away');
    };
    for (let call = 0; call < 20; call += 1) {
      expect(await cache.getOrSet(key, fail, minutes)).toBe('old');
      await sleep(2);
    }
    expect(runs).toBe(1);
    expect(failures.at(-1)).toMatchObject({ message: 'the database is away' });
    clock.time += 2_000;
    await sleep(1_100);
    expect(await cache.getOrSet(key, () => 'new', minutes)).toBe('old');
    await expect.poll(() => cache.get(key)).toBe('new');
  });

  it('with timeout.soft waits for the fresh value, and gives the stale one when that takes too long', async () => {
    const key = newKey();
    await cache.getOrSet(key, () => 1, minutes);
    clock.time += 90_000;
    const soft = { ...minutes, timeout: { soft: '5s' } } as const;
    expect(await cache.getOrSet(key, async () => (await sleep(20), 2), soft)).toBe(2);
    clock.time += 90_000;
    const impatient = { ...minutes, timeout: { soft: '20ms' } } as const;
    expect(await cache.getOrSet(key, async () => (await sleep(200), 3), impatient)).toBe(2);
    await expect.poll(() => cache.get(key)).toBe(3);
  });

  it('with timeout.hard ends a hung factory: its signal, all who wait, and what it would have stored', async () => {
    const key = newKey();
    const signals: AbortSignal[] = [];
    let finish: (value: string) => void = () => {};
    const hang = ({ signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return new Promise<string>((resolve) => (finish = resolve));
    };
    const options = { timeout: { hard: '100ms' } } as const;
    const calls = Array.from({ length: 5 }, () => cache.getOrSet(key, hang, options));
    const results = await Promise.allSettled(calls);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'FACTORY_TIMEOUT' } });
    }
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    finish('late');
    await sleep(30);
    expect(await cache.get(key)).toBeUndefined();
    expect(await cache.getOrSet(key, () => 'again', options)).toBe('again');
  });

  it('close() ends the signals of loads in the background, which then keep no process alive', async () => {
    const own = await createCache({ ...options(), jitter: 0, clock });
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const signals: AbortSignal[] = [];
    const hang = ({ signal }: { signal: AbortSignal }) => (
      signals.push(signal),
      new Promise<never>(() => {})
    );
    const patient = { ...minutes, timeout: { hard: '1h' } } as const;
    const keys = [newKey(), newKey()];
    for (const key of keys) await own.getOrSet(key, () => 1, minutes);
    clock.time += 90_000;
    const before = timers();
    for (const key of keys) expect(await own.getOrSet<number>(key, hang, patient)).toBe(1);
    await expect.poll(() => signals.length).toBe(2);
    expect(signals.some(({ aborted }) => aborted)).toBe(false);
    await own.close();
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    await expect.poll(timers).toBeLessThanOrEqual(before);
  });

  it('loads anew shortly before the entry expires, once, while all callers are served', async () => {
    const key = newKey();
    const slow = async () => {
      clock.time += 2_000; // a load of two seconds
      return clock.time;
    };
    const first = await cache.getOrSet(key, slow, 300);
    clock.time += 200_000;
    for (let call = 0; call < 200; call += 1) await cache.getOrSet(key, () => 'too early', 300);
    expect(await cache.get(key)).toBe(first); // in the first four fifths: never
    clock.time += 98_500;
    let runs = 0;
    const values = new Set<unknown>();
    for (let call = 0; call < 200; call += 1) {
      values.add(await cache.getOrSet(key, () => ((runs += 1), 'fresh'), 300));
      await sleep(0);
    }
    expect(runs).toBe(1);
    expect(values).toEqual(new Set([first, 'fresh']));
  });

  it('serves nothing as fresh after its ttl, also when the clock was set back during its load', async () => {
    const key = newKey();
    const options = { ttl: 5, staleTtl: 60 };
    await cache.getOrSet(key, () => ((clock.time -= 10_000), 'v'), options);
    expect(await cache.get(key)).toBe('v');
    clock.time += 4_000;
    for (let call = 0; call < 20; call += 1)
      expect(await cache.getOrSet(key, () => 'early', options)).toBe('v');
    expect(await cache.get(key)).toBe('v');
    clock.time += 2_000;
    expect(await cache.get(key)).toBeUndefined();
  });

  it('does not with earlyRefresh: false', async () => {
    const own = await createCache({ ...options(), jitter: 0, clock, earlyRefresh: false });
    await own.getOrSet('k', async () => ((clock.time += 2_000), 1), 300);
    clock.time += 299_000;
    for (let call = 0; call < 100; call += 1) expect(await own.getOrSet('k', () => 2, 300)).toBe(1);
    await own.close();
  });

  it('lets the factory say the ttl and the tags, and that nothing is to be stored', async () => {
    const key = newKey();
    await cache.getOrSet(key, ({ setTtl }) => (setTtl('2m'), 1), 10);
    expect(await cache.ttl(key)).toBeCloseTo(120, 0);
    const tagged = newKey();
    await cache.getOrSet(tagged, ({ addTags }) => (addTags('late', 'later'), 1));
    await cache.invalidateTags('later');
    expect(await cache.has(tagged)).toBe(false);
    await cache.getOrSet(tagged, ({ skip, setTtl }) => (skip(), setTtl('2m'), 1));
    expect(await cache.has(tagged)).toBe(false);
  });

  it.each([
    ['gives undefined', () => undefined],
    ['is not to be stored', ({ skip }: { skip: () => void }) => (skip(), 'new')],
  ] as const)('a refresh that %s takes the stale value away', async (_, factory) => {
    const key = newKey();
    await cache.getOrSet<string | undefined>(key, () => 'old', minutes);
    clock.time += 90_000;
    expect(await cache.getOrSet<string | undefined>(key, factory, minutes)).toBe('old');
    let runs = 0;
    await expect
      .poll(async () => cache.getOrSet(key, ({ skip }) => ((runs += 1), skip(), 'loaded'), minutes))
      .toBe('loaded');
    expect(runs).toBeGreaterThan(0);
  });

  it('tells the refresh what the stale value is', async () => {
    const key = newKey();
    await cache.getOrSet(key, () => ({ version: 1 }), minutes);
    clock.time += 90_000;
    await cache.getOrSet(
      key,
      ({ stale }) => ({ version: (stale as { version: number }).version + 1 }),
      minutes,
    );
    await expect.poll(() => cache.get(key)).toEqual({ version: 2 });
  });

  it('shortens the ttl by the jitter, never lengthens it', async () => {
    const own = await createCache({ ...options(), jitter: 0.5, clock });
    const keys = Array.from({ length: 50 }, () => newKey());
    const left = await Promise.all(
      keys.map(async (key) => {
        await own.getOrSet(key, () => 1, 100);
        return own.ttl(key);
      }),
    );
    expect(Math.max(...(left as number[]))).toBeLessThanOrEqual(100);
    expect(Math.min(...(left as number[]))).toBeGreaterThanOrEqual(50);
    expect(new Set(left).size).toBeGreaterThan(10);
    await own.close();
  });

  it.each([
    { timeout: { hard: 0 } },
    { timeout: { hard: '2 parsecs' } },
    { timeout: { soft: -1 } },
    { timeout: { hrad: 1 } as object },
    { timeout: 5 as unknown as object },
    { tll: 60 } as object,
    { tags: 'a tag' as unknown as string[] },
  ])('refuses the options %j, stored or not', async (wrong) => {
    const key = newKey();
    await expect(cache.getOrSet(key, () => 1, wrong)).rejects.toHaveProperty('code');
    expect(await cache.has(key)).toBe(false);
  });

  it('refuses a bad ttl on a hit, too', async () => {
    const key = newKey();
    await cache.getOrSet(key, () => 1, '60s');
    await cache.getOrSet(key, () => 1, '60s');
    await expect(cache.getOrSet(key, () => 1, Number.NaN)).rejects.toHaveProperty('code', 'INVALID_DURATION');
    await expect(cache.getOrSet(key, () => 1, { ttl: 'soon' })).rejects.toHaveProperty(
      'code',
      'INVALID_DURATION',
    );
  });

  it.each([
    [
      'throws at once',
      () => {
        throw new TypeError('thrown');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('thrown'))],
  ] as const)('passes on the error of a factory that %s', async (_, factory) => {
    const key = newKey();
    await expect(cache.getOrSet(key, factory)).rejects.toThrow('thrown');
    expect(await cache.getOrSet(key, () => 'well')).toBe('well');
  });

  it('stores what the factory gave, not what it does to it later', async () => {
    const key = newKey();
    const given = { petals: [1, 2] };
    await cache.getOrSet(key, () => given);
    given.petals.push(3);
    expect(await cache.get(key)).toEqual({ petals: [1, 2] });
  });
};

describe('Freshness in memory', () => {
  promises(() => ({ redis: false }));
});
describeWith('redis', 'Freshness on Redis', () => {
  promises(() => {
    const { url, namespace } = redis();
    return { redis: { url }, namespace };
  });
});
