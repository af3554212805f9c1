import { setTimeout as sleep } from 'node:timers/promises';
import slotOf from 'cluster-key-slot';
import { createCluster } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { Scope } from '../../../src/cache/engine/key-space.js';
import type { RedisOptions } from '../../../src/cache/redis/redis-options.js';
import { describeWith, unique } from '../../servers/index.js';
import { Load } from './load.js';
import { type ClusterNode, RedisCluster } from './redis-cluster.js';

const numbered = (count: number, name = 'key'): Map<string, number> =>
  new Map(Array.from({ length: count }, (_, index) => [`${name}-${index}`, index]));

/** So many names whose keys lie in the same of these slots. */
function namesInOneSlot(
  count: number,
  slots: Set<number>,
  entryKey: (name: string) => string,
): [number, string[]] {
  const bySlot = new Map<number, string[]>();
  for (let index = 0; ; index += 1) {
    const slot = slotOf(entryKey(`k${index}`));
    const names = bySlot.get(slot) ?? [];
    bySlot.set(slot, names);
    names.push(`k${index}`);
    if (names.length === count && slots.has(slot)) return [slot, names];
  }
}

describeWith('redis-server', 'A cache on a Redis Cluster', () => {
  let cluster: RedisCluster;
  let own: { redis: RedisOptions; namespace: string };
  let caches: CacheService[];
  const start = async (options: object = {}): Promise<CacheService> => {
    const cache = await createCache({ ...own, deadline: { read: '500ms', write: '1s' }, ...options });
    caches.push(cache);
    await isUp(cache);
    return cache;
  };
  const entryKey = (key: string) => Scope.of(own.namespace).key(key);
  const isUp = async (cache: CacheService): Promise<void> => {
    await expect.poll(() => cache.stats().state, { timeout: 20_000 }).toBe('up');
  };

  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  beforeEach(() => {
    caches = [];
    own = { redis: { cluster: { rootNodes: cluster.rootNodes } }, namespace: unique() };
  });
  afterEach(() => Promise.all(caches.map((cache) => cache.close())));
  afterAll(() => cluster?.stop());

  const kinds: [string, () => Promise<{ redis: RedisOptions; close: () => unknown }>][] = [
    ['by its options', async () => ({ redis: own.redis, close: () => {} })],
    [
      'that the application has connected',
      async () => {
        const client = createCluster({ rootNodes: cluster.rootNodes });
        client.on('error', () => {});
        await client.connect();
        return { redis: { client }, close: () => client.destroy() };
      },
    ],
  ];

  it.each(kinds)('%s does everything, over many slots', async (_, kind) => {
    const { redis, close } = await kind();
    const cache = await start({ redis });
    const other = await start();
    const entries = numbered(200);
    const keys = [...entries.keys()];
    expect(new Set(keys.map((key) => slotOf(entryKey(key)))).size).toBeGreaterThan(150);

    await cache.setMany(entries, { tags: ['all'] });
    expect(await cache.getMany(keys)).toEqual(entries);
    await expect.poll(async () => (await other.getMany(keys)).size).toBe(200);
    expect(await other.getMany([...keys, 'never'])).toEqual(entries);

    expect(await cache.delete(...keys.slice(0, 100))).toBe(100);
    await expect.poll(async () => (await other.getMany(keys)).size).toBe(100);

    await cache.invalidateTags('all');
    await expect.poll(async () => (await other.getMany(keys)).size).toBe(0);

    await cache.setMany(entries);
    expect(await cache.clearPattern('key-1*')).toBe(111);
    await expect.poll(async () => (await other.getMany(keys)).size).toBe(89);
    await cache.namespace('child').set('key', 1);
    await cache.clear();
    await expect.poll(async () => (await other.getMany(keys)).size).toBe(0);
    expect(await other.namespace('child').get('key')).toBeUndefined();

    for (const key of keys.slice(0, 20)) {
      await Promise.all([cache.increment(key), other.increment(key, 2), cache.decrement(key)]);
      expect(await cache.increment(key, 0)).toBe(2);
    }
    const names = [...numbered(50, 'once').keys()];
    let runs = 0;
    const load = async () => {
      await sleep(20);
      return (runs += 1);
    };
    const instances = [cache, other, await start(), await start()];
    await Promise.all(names.flatMap((name) => instances.map((instance) => instance.getOrSet(name, load))));
    expect(runs).toBe(50);
    await close();
  });

  it('loads the scripts again on servers that lost them', async () => {
    const cache = await start();
    await cache.setMany(numbered(100));
    await Promise.all(cluster.nodes.slice(0, 3).map((node) => node.ask('SCRIPT', 'FLUSH')));
    await cache.setMany(numbered(100, 'new'));
    expect((await cache.getMany([...numbered(100, 'new').keys()])).size).toBe(100);
    expect(cache.stats().state).toBe('up');
  });

  it('goes on while slots move, without being lost, and clears all of a pattern', async () => {
    const cache = await start();
    const reader = await start({ memory: false });
    const lost: string[] = [];
    cache.on('down', ({ reason }) => lost.push(reason));
    const entries = numbered(300, 'moving');
    await cache.setMany(entries, 600);
    const load = new Load(cache);
    const [one, two, three] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
    const fresh = await cluster.join();
    const slotsAt = async (node: ClusterNode, keys: Iterable<string>, count: number) => {
      const own = new Set(await node.slots());
      return [...new Set([...keys].map((key) => slotOf(entryKey(key))))]
        .filter((slot) => own.has(slot))
        .slice(0, count);
    };
    load.start();
    await cluster.moveSlots(await slotsAt(one, load.keys, 10), one, two, 40);
    await cluster.moveSlots(await slotsAt(two, load.keys, 10), two, fresh, 40);
    await cluster.moveSlots(await slotsAt(three, entries.keys(), 40), three, fresh);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.old).toEqual([]);
    expect(lost).toEqual([]);
    expect(await reader.getMany([...entries.keys()])).toEqual(entries);

    const there = await slotsAt(fresh, entries.keys(), 40);
    const [, cleared] = await Promise.all([
      cluster.moveSlots(there, fresh, one),
      cache.clearPattern('moving-*'),
    ]);
    expect(cleared).toBe(300);
    expect(await reader.getMany([...entries.keys()])).toEqual(new Map());
  });

  it('answers for a slot that stays half way', async () => {
    const [one, two] = cluster.nodes as [ClusterNode, ClusterNode];
    const cache = await start({ memory: false });
    const [slot, keys] = namesInOneSlot(8, new Set(await one.slots()), entryKey);
    const entries = new Map(keys.map((key) => [key, 'old']));
    await cache.setMany(entries, 600);

    await cluster.openSlot(slot, one, two);
    await cluster.migrateKeys(keys.slice(0, 4).map(entryKey), one, two);
    expect(await cache.getMany(keys)).toEqual(entries);
    expect(cache.stats().state).toBe('up');
    // Entry and lease are not in one place: what can't be written must not be read either.
    await cache.set(keys[0] as string, 'new', 600);
    await cache.set(keys[7] as string, 'new', 600);
    expect([undefined, 'new']).toContain(await cache.get(keys[0] as string));
    expect([undefined, 'new']).toContain(await cache.get(keys[7] as string));

    await cluster.closeSlot(slot, one, two);
    await isUp(cache);
    for (const key of [keys[0], keys[7]])
      expect([undefined, 'new']).toContain(await cache.get(key as string));
    expect(await cache.get(keys[1] as string)).toBe('old');
    await cache.setMany(new Map(keys.map((key) => [key, 'newest'])));
    expect((await cache.getMany(keys)).size).toBe(8);
  });

  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    'loses a master by %s, under load: no request fails, nothing old comes back, its replica takes over',
    async (signal) => {
      // A frozen server looks like a slow one: what to make of it is the application's, for clients of its own.
      const { redis, close } = await kinds[signal === 'SIGSTOP' ? 0 : 1]![1]();
      const cache = await start({ redis });
      const other = await start();
      const loads = [new Load(cache.namespace('one')), new Load(other.namespace('two'))];
      for (const load of loads) load.start();
      await sleep(500);
      const victim = await theOneWithMessages(cluster);
      for (const load of loads) load.allowLossFrom(Date.now() - 200);
      await victim.server.kill(signal);
      for (const load of loads) load.allowLossUntil(Date.now());
      await expect.poll(() => cache.stats().state, { timeout: 10_000, interval: 5 }).toBe('down');
      for (const one of [cache, other]) await isUp(one);
      await sleep(500);
      if (signal === 'SIGSTOP') await victim.server.kill('SIGCONT');
      await sleep(500);
      for (const load of loads) {
        await load.stop();
        expect(load.failures).toEqual([]);
        expect(load.old).toEqual([]);
      }
      for (const one of [cache, other]) await isUp(one);
      const entries = numbered(200);
      await cache.setMany(entries);
      expect(await cache.getMany([...entries.keys()])).toEqual(entries);
      await expect.poll(async () => (await other.getMany([...entries.keys()])).size).toBe(200);
      await cache.delete(...entries.keys());
      await expect.poll(async () => (await other.getMany([...entries.keys()])).size).toBe(0);
      await cluster.isWhole();
      await cache.close();
      await close();
    },
  );
});

/** A master with a replica, if possible one that an instance hears its messages from. */
async function theOneWithMessages(cluster: RedisCluster): Promise<ClusterNode> {
  const replaceable: ClusterNode[] = [];
  for (const node of cluster.alive()) {
    if (!(await node.ask('INFO', 'replication')).includes('connected_slaves:1')) continue;
    replaceable.push(node);
    if ((await node.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).includes('sub=1')) return node;
  }
  return replaceable[0] as ClusterNode;
}
