import { createClient } from 'redis';
import { afterEach, expect, it } from 'vitest';
import type { Lock } from '../../src/coordination/lock.js';
import { MongoLock } from '../../src/coordination/mongo.lock.js';
import { RedisLock } from '../../src/coordination/redis.lock.js';
import mongoose from 'mongoose';
import { describeWith, mongo, redis, startOwnMongo, startOwnRedis } from '../servers/index.js';
import { lockContract } from './lock.js';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

function closedLater<T extends Lock>(lock: T): T {
  endings.push(() => lock.close());
  return lock;
}

describeWith('mongo', 'a lock in MongoDB', () => {
  lockContract(async () => {
    const uri = mongo();
    endings.push(async () => {
      const client = await mongoose.mongo.MongoClient.connect(uri);
      await client.db().dropDatabase();
      await client.close();
    });
    const make = () => closedLater(new MongoLock({ uri, collection: 'locks' }));
    return [make(), make()];
  });

  it('is closed for good: nothing is connected any more', async () => {
    const lock = new MongoLock({ uri: mongo(), collection: 'locks' });
    await lock.close();
    await expect(lock.release('nightly', 'one')).rejects.toThrow('closed');
  });

  it('rejects where there is no server', async () => {
    const lock = closedLater(
      new MongoLock({ uri: 'mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100', collection: 'locks' }),
    );
    await expect(lock.acquire('nightly', 'one', 1_000)).rejects.toThrow(/ECONNREFUSED|timed out/);
  });
});

describeWith('redis', 'a lock in Redis', () => {
  lockContract(async () => {
    const { url, namespace } = redis();
    const make = () => closedLater(new RedisLock({ redis: url, prefix: namespace }));
    return [make(), make()];
  });

  it('works on a client of the application, and leaves it open', async () => {
    const { url, namespace } = redis();
    const client = createClient({ url });
    await client.connect();
    endings.push(() => client.close());
    const lock = new RedisLock({ redis: client, prefix: namespace });
    expect(await lock.acquire('nightly', 'one', 1_000)).toBeDefined();
    expect(await lock.acquire('nightly', 'one', 1_000)).toBeUndefined();

    await lock.close();

    await expect(lock.release('nightly', 'one')).rejects.toThrow('closed');
    expect(await client.ping()).toBe('PONG');
  });
});

describeWith('redis-server', 'a lock in a Redis that goes', () => {
  it('rejects in time while it is frozen or gone, and works again after', async () => {
    const server = await startOwnRedis();
    endings.push(() => server.stop());
    const lock = closedLater(new RedisLock({ redis: server.url, prefix: 'test:' }));
    await lock.acquire('nightly', 'one', 60_000);

    await server.kill('SIGSTOP');
    await expect(lock.renew('nightly', 'one', 60_000)).rejects.toThrow(/did not answer/);
    await server.kill('SIGCONT');

    await expect
      .poll(() => lock.renew('nightly', 'one', 60_000).catch(() => false), { timeout: 10_000 })
      .toBe(true);
    await expect(
      closedLater(new RedisLock({ redis: 'redis://127.0.0.1:1', prefix: '' })).acquire('x', 'one', 1_000),
    ).rejects.toThrow();
  });
});

describeWith('mongod', 'a lock in a MongoDB that freezes', () => {
  it('rejects in time, and works again after', async () => {
    const server = await startOwnMongo({ replicaSet: false });
    endings.push(() => server.stop());
    const lock = closedLater(
      new MongoLock({ uri: `${server.url}shop?serverSelectionTimeoutMS=500`, collection: 'locks' }),
    );
    await lock.acquire('nightly', 'one', 60_000);

    await server.kill('SIGSTOP');
    const asked = performance.now();
    await expect(lock.renew('nightly', 'one', 60_000)).rejects.toThrow(/did not answer/);
    expect(performance.now() - asked).toBeLessThan(20_000);
    await server.kill('SIGCONT');

    await expect
      .poll(() => lock.renew('nightly', 'one', 60_000).catch(() => false), { timeout: 10_000 })
      .toBe(true);
  });
});
