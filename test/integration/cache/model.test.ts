import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { describeWith, redis } from '../../servers/index.js';
import { RedisProxy } from './redis-proxy.js';

/** Keys of two namespaces; each carries a tag that it shares with another. */
const KEYS = [
  { id: 'a', tag: 't', child: false },
  { id: 'b', tag: 't', child: false },
  { id: 'c', tag: 'u', child: false },
  { id: 'a', tag: 't', child: true },
] as const;
type Key = (typeof KEYS)[number];

interface Change {
  /** Which keys are new when it is done. */
  reach: (key: Key) => readonly Key[];
  make: (cache: CacheService, key: Key, version: number) => Promise<unknown>;
}
const family = ({ child }: Key) => KEYS.filter((key) => key.child === child);

const CHANGES: Record<string, Change> = {
  delete: { reach: (key) => [key], make: (cache, { id }) => cache.delete(id) },
  invalidate: {
    reach: (key) => family(key).filter(({ tag }) => tag === key.tag),
    make: (cache, { tag }) => cache.invalidateTags(tag),
  },
  clearPattern: { reach: family, make: (cache) => cache.clearPattern('*') },
  clear: { reach: (key) => (key.child ? family(key) : KEYS), make: (cache) => cache.clear() },
  set: {
    reach: (key) => [key],
    make: (cache, { id, tag }, version) => cache.set(id, version, { ttl: 60, tags: [tag] }),
  },
};

interface Process {
  cache: CacheService;
  proxy: RedisProxy;
  /** The newest version of each key that a finished change of this process has made. */
  seen: Map<Key, number>;
}

describeWith('redis', 'Three processes that read and change the same keys for seconds', () => {
  let processes: Process[];
  let truth: Map<Key, number>;
  /** What was read that must not be. */
  let older: string[];
  let last: Map<Key, Promise<unknown>>;
  const scope = ({ cache }: Process, { child }: Key) => (child ? cache.namespace('child') : cache);

  beforeEach(() => {
    processes = [];
    truth = new Map();
    older = [];
    last = new Map();
  });
  const open = async (deadline: string) => {
    const { url, namespace } = redis();
    const one = async (): Promise<Process> => {
      const proxy = await RedisProxy.to(Number(new URL(url).port || 6379));
      const cache = await createCache({
        redis: { url: proxy.url },
        namespace,
        lease: { ttl: '300ms', wait: '150ms' },
        deadline: { read: deadline, write: deadline },
        breaker: { retry: '20ms' },
      });
      return { cache, proxy, seen: new Map() };
    };
    processes = [await one(), await one(), await one()];
  };
  afterEach(async () => {
    for (const { cache, proxy } of processes) {
      await cache.close();
      await proxy.close();
    }
  });

  /** Changes of one key follow one another, as the writes of applications to one record do. */
  const change = async (process: Process, name: string, key: Key) => {
    const { reach, make } = CHANGES[name] as Change;
    const keys = reach(key);
    const before = Promise.all(keys.map((one) => Promise.resolve(last.get(one))));
    const done = (async () => {
      await before;
      for (const one of keys) truth.set(one, (truth.get(one) ?? 0) + 1);
      const versions = keys.map((one) => truth.get(one) as number);
      await make(scope(process, key), key, versions[0] as number);
      keys.forEach((one, index) => process.seen.set(one, versions[index] as number));
    })();
    for (const one of keys) last.set(one, done);
    await done;
  };

  const read = async (process: Process, key: Key, load: number) => {
    const seen = process.seen.get(key) ?? 0;
    const cache = scope(process, key);
    const factory = async () => {
      const version = truth.get(key) ?? 0;
      await sleep(load);
      return version;
    };
    const value =
      load === 0
        ? await cache.get<number>(key.id)
        : await cache.getOrSet(key.id, factory, { ttl: 60, tags: [key.tag] });
    if (value !== undefined && value < seen) older.push(`${key.id}: ${value} after ${seen}`);
  };

  const run = async (seed: number, changes: readonly string[], fault?: (process: Process) => unknown) => {
    const random = fc.sample(fc.nat({ max: 999_983 }), { seed, numRuns: 20_000 });
    let drawn = 0;
    const draw = (below: number) => (random[(drawn += 1) % random.length] as number) % below;
    const pick = <T>(from: readonly T[]): T => from[draw(from.length)] as T;
    for (const { proxy } of processes) proxy.delay = () => draw(6);
    const until = Date.now() + 4_000;
    const loop = async (longestPause: number, act: () => Promise<unknown>) => {
      while (Date.now() < until && older.length === 0) {
        await act();
        await sleep(draw(longestPause));
      }
    };
    const workers = processes.flatMap((process) => [
      ...[1, 2, 3, 4, 5, 6].map(() => loop(4, () => read(process, pick(KEYS), pick([0, 0, 2, 60])))),
      loop(30, () => change(process, pick(changes), pick(KEYS))),
    ]);
    if (fault) {
      workers.push(loop(400, async () => fault(pick(processes))));
    }
    await Promise.all(workers);
    for (const process of processes) {
      process.proxy.delay = () => 0;
      await expect.poll(() => process.cache.stats().state, { timeout: 10_000 }).toBe('up');
    }
    await sleep(200);
    for (const process of processes) {
      for (const key of KEYS) {
        process.seen.set(key, truth.get(key) ?? 0);
        await read(process, key, 0);
      }
    }
  };

  it('none reads what is older than a change that it saw finish, and all agree when it is quiet', async () => {
    await open('20s');
    await run(2_026, Object.keys(CHANGES));
    expect(older).toEqual([]);
  });

  // Without `set`: one that is still on the wire when its process gives it up may come after that of another.
  it('nor while their wires are held and cut', async () => {
    const faults: ((process: Process) => unknown)[] = [
      ({ proxy }) => proxy.cut('messages'),
      ({ proxy }) => proxy.cut('commands'),
      ({ proxy }) => proxy.cut('commands', 'messages'),
      async ({ proxy }) => {
        proxy.hold('commands');
        await sleep(150);
        proxy.release();
      },
    ];
    let turn = 0;
    await open('100ms');
    await run(
      2_027,
      Object.keys(CHANGES).filter((name) => name !== 'set'),
      (process) => faults[(turn += 1) % faults.length]?.(process),
    );
    expect(older).toEqual([]);
  });
});
