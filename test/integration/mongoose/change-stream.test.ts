import { afterAll, beforeAll, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { QueryCacheError } from '../../../src/cache/cache.errors.js';
import { describeWith, startOwnMongo, type RunningServer } from '../../servers/index.js';
import { holdAnswersOf } from '../../conformance/queries/held-proxy.js';
import { openShop, type Shop } from './shop.js';

describeWith(['mongod', 'redis'], 'watching a cluster', () => {
  let server: RunningServer;
  let elsewhere: mongoose.mongo.MongoClient;
  const uri = (port: number) => `mongodb://127.0.0.1:${port}/shop?directConnection=true`;
  const flowers = () => elsewhere.db('shop').collection('products');

  beforeAll(async () => {
    server = await startOwnMongo();
    elsewhere = await mongoose.mongo.MongoClient.connect(uri(server.port));
  });
  afterAll(async () => {
    await elsewhere.close();
    await server.stop();
  });
  const names = async ({ Product }: Shop) =>
    (await Product.find().sort('name').lean().cache()).map(({ name }) => name).join();

  it('what others write is seen', async () => {
    const shop = await openShop({ uri: uri(server.port) });
    try {
      await flowers().deleteMany({});
      const watch = await shop.plugin.watch(shop.connection);
      const { _id } = await shop.Product.create({ name: 'Rose', price: 1 });
      const one = async () => (await shop.Product.findById(_id).lean().cache())?.price;
      expect([await names(shop), await one()]).toEqual(['Rose', 1]);
      await flowers().updateOne({ name: 'Rose' }, { $set: { price: 2 } });
      await expect.poll(one).toBe(2);
      await flowers().insertMany([{ name: 'Fern' }, { name: 'Moss' }]);
      await expect.poll(() => names(shop)).toBe('Fern,Moss,Rose');
      await flowers().deleteOne({ _id });
      await expect.poll(one).toBeUndefined();
      await flowers().rename('plants');
      await expect.poll(() => names(shop)).toBe('');
      await elsewhere.db('shop').collection('plants').rename('products');
      await expect.poll(() => names(shop)).toBe('Fern,Moss');
      await elsewhere.db('shop').dropDatabase();
      await expect.poll(() => names(shop)).toBe('');
      // A drop is several events: what is cached after the last of them stays.
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await names(shop)).toBe('');
      await watch.close();
      await flowers().insertOne({ name: 'Oak' });
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await names(shop)).toBe('');
    } finally {
      await shop.close();
    }
  });

  it('what was cached before it began is asked for again', async () => {
    const shop = await openShop({ uri: uri(server.port) });
    try {
      await flowers().deleteMany({});
      expect(await names(shop)).toBe('');
      await flowers().insertOne({ name: 'Rose' });
      expect(await names(shop)).toBe('');
      await shop.plugin.watch(shop.connection);
      expect(await names(shop)).toBe('Rose');
    } finally {
      await shop.plugin.beforeApplicationShutdown();
      await shop.close();
    }
  });

  it('interrupted, it goes on where it was', async () => {
    const proxy = await holdAnswersOf(server.port);
    const shop = await openShop({ uri: uri(proxy.port), mongoose: { serverSelectionTimeoutMS: 500 } });
    try {
      await flowers().deleteMany({});
      const watch = await shop.plugin.watch(shop.connection);
      await flowers().insertOne({ name: 'Rose' });
      await expect.poll(() => names(shop)).toBe('Rose');
      proxy.aim(1); // nobody is there
      proxy.cut();
      await flowers().insertOne({ name: 'Fern' });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      proxy.aim(server.port);
      await expect.poll(() => names(shop).catch(() => 'not yet'), { timeout: 20_000 }).toBe('Fern,Rose');
      await watch.close();
    } finally {
      await shop.close();
      await proxy.close();
    }
  });

  it('where it can’t go on, everything is asked for again', async () => {
    const proxy = await holdAnswersOf(server.port);
    const shop = await openShop({ uri: uri(proxy.port), mongoose: { serverSelectionTimeoutMS: 500 } });
    const restored = await startOwnMongo();
    const there = await mongoose.mongo.MongoClient.connect(uri(restored.port));
    try {
      await flowers().deleteMany({});
      const watch = await shop.plugin.watch(shop.connection);
      await flowers().insertOne({ name: 'Rose' });
      await expect.poll(() => names(shop)).toBe('Rose');
      await there.db('shop').collection('products').insertOne({ name: 'Fern' });
      proxy.aim(restored.port);
      proxy.cut();
      await expect.poll(() => names(shop).catch(() => 'not yet'), { timeout: 20_000 }).toBe('Fern');
      await there.db('shop').collection('products').insertOne({ name: 'Moss' });
      await expect.poll(() => names(shop), { timeout: 20_000 }).toBe('Fern,Moss');
      await watch.close();
    } finally {
      await there.close();
      await shop.close();
      await proxy.close();
      await restored.stop();
    }
  });

  it('says how far behind it is: not at all while it follows, ever more while it is interrupted', async () => {
    const proxy = await holdAnswersOf(server.port);
    const shop = await openShop({ uri: uri(proxy.port), mongoose: { serverSelectionTimeoutMS: 500 } });
    try {
      await flowers().deleteMany({});
      const watch = await shop.plugin.watch(shop.connection);
      expect(watch.status).toBe('following');
      await expect.poll(() => watch.lag).toBeLessThan(2);
      // With nothing to be seen it stays so.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      await expect.poll(() => watch.lag).toBeLessThan(2);

      proxy.aim(1); // nobody is there
      proxy.cut();
      await expect.poll(() => watch.status, { timeout: 20_000 }).toBe('interrupted');
      const before = watch.lag;
      await flowers().insertOne({ name: 'Rose' });
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(watch.lag).toBeGreaterThan(before + 2.5);
      expect(watch.status).toBe('interrupted');

      proxy.aim(server.port);
      await expect.poll(() => watch.status, { timeout: 20_000 }).toBe('following');
      await expect.poll(() => watch.lag, { timeout: 20_000 }).toBeLessThan(2);
      expect(await names(shop)).toBe('Rose');

      await watch.close();
      expect(watch.status).toBe('closed');
    } finally {
      await shop.close();
      await proxy.close();
    }
  });

  it('a server that does not answer is behind as well, though nothing was interrupted', async () => {
    const proxy = await holdAnswersOf(server.port);
    const shop = await openShop({ uri: uri(proxy.port) });
    try {
      const watch = await shop.plugin.watch(shop.connection);
      await expect.poll(() => watch.lag).toBeLessThan(2);
      proxy.hold();
      await expect.poll(() => watch.lag, { timeout: 10_000 }).toBeGreaterThan(3);
      proxy.release();
      await expect.poll(() => watch.lag, { timeout: 20_000 }).toBeLessThan(2);
      await watch.close();
    } finally {
      proxy.release();
      await shop.close();
      await proxy.close();
    }
  });

  it('what was written longer ago than it is behind has been invalidated, also under a load of writes', async () => {
    const shop = await openShop({ uri: uri(server.port) });
    try {
      await flowers().deleteMany({});
      const { insertedId } = await flowers().insertOne({ name: 'Rose', price: 0 });
      const watch = await shop.plugin.watch(shop.connection);
      const read = async () => (await shop.Product.findById(insertedId).lean().cache())?.price ?? 0;
      const writtenAt = [Date.now()];
      const state = { isWriting: true };
      const write = async () => {
        for (let price = 1; price <= 300; price += 1) {
          await flowers().updateOne({ _id: insertedId }, { $set: { price } });
          writtenAt[price] = Date.now();
        }
        state.isWriting = false;
      };
      const check = async () => {
        let checks = 0;
        while (state.isWriting) {
          await new Promise(setImmediate);
          const until = Date.now() - watch.lag * 1_000;
          const price = await read();
          const next = writtenAt[price + 1];
          if (next !== undefined) expect(next).toBeGreaterThanOrEqual(until - 1);
          checks += 1;
        }
        return checks;
      };
      const [, checks] = await Promise.all([write(), check()]);
      expect(checks).toBeGreaterThan(10);
      await expect.poll(read).toBe(300);
      await watch.close();
    } finally {
      await shop.close();
    }
  });

  it('a connection that is not open is refused', async () => {
    const shop = await openShop({ uri: uri(server.port) });
    try {
      const closed = mongoose.createConnection();
      await expect(shop.plugin.watch(closed)).rejects.toThrow(QueryCacheError);
    } finally {
      await shop.close();
    }
  });
});
