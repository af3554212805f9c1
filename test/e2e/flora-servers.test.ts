import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { expect, it, onTestFinished } from 'vitest';
import { createServer } from 'node:net';
import { Database } from '../../src/flora/tour/database.js';
import type { List, Product } from '../../src/flora/tour/ground.js';
import { describeWith, mongo, startOwnMongo, startOwnRedis, type RunningServer } from '../servers/index.js';
import { withDatabase } from '../../src/flora/servers/with-database.js';
import { openTestShop, shopForThisTest, type TestShop } from './open-test-shop.js';

const ROSES = '/products?category=roses&sort=name';

async function databaseOf(uri: string): Promise<Database> {
  const database = await Database.connect(uri);
  onTestFinished(() => database.close());
  return database;
}

async function connectionTo(uri: string): Promise<mongoose.Connection> {
  const connection = await mongoose.createConnection(uri).asPromise();
  onTestFinished(() => connection.close());
  return connection;
}

/** The shop must answer, show a write at once, and add up a cart. */
async function shopGoesOn(shop: TestShop, from: 'counter' | 'mongodb'): Promise<void> {
  const before = (await shop.visitor.get<List<Product>>(ROSES)).body.items[0] as Product;
  const priceCents = before.priceCents + 100;
  const write = await shop.admin.send('PATCH', `/products/${before.id}`, { priceCents });
  expect(write.status).toBe(200);
  expect((await shop.visitor.get<List<Product>>(ROSES)).body.items[0]?.priceCents).toBe(priceCents);
  const pages = ['/', '/categories', '/statistics', '/products'].map((path) => shop.visitor.get(path));
  expect((await Promise.all(pages)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const put = await shop.customer(1).send('PUT', `/cart/lines/${before.id}`, { quantity: 2 });
  expect(put.status).toBe(200);
  expect((await shop.customer(1).get('/cart/total')).body).toEqual({ totalCents: 2 * priceCents, from });
}

describeWith(['mongo', 'redis', 'mongod', 'redis-server'], 'the flower shop and its servers', () => {
  it('opens without any Redis, and keeps its promises in its own memory', async () => {
    const shop = await shopForThisTest({ withoutRedis: true });
    expect((await shop.visitor.get('/health')).body).toEqual({
      status: 'ok',
      mongodb: 'up',
      redis: 'memory',
    });
    await shop.visitor.get(ROSES);
    expect((await shop.visitor.get(ROSES)).cache).toBe('hit');
    await shopGoesOn(shop, 'counter');
  });

  it('opens while Redis is away, and serves', async () => {
    const shop = await shopForThisTest({ variables: { REDIS_URL: await urlOfNoRedis() } });
    expect((await shop.visitor.get('/health')).body).toEqual({ status: 'ok', mongodb: 'up', redis: 'down' });
    await shopGoesOn(shop, 'mongodb');
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'goes on when its Redis gets %s, and nothing old comes back',
    async (signal) => {
      let redis = await ownRedis();
      const shop = await shopForThisTest({ variables: { REDIS_URL: redis.url } });
      await shopGoesOn(shop, 'counter');
      await redis.kill(signal);
      await shopGoesOn(shop, 'mongodb');
      const now = (await shop.visitor.get(ROSES)).text;
      if (signal === 'SIGSTOP') await redis.kill('SIGCONT');
      else redis = await ownRedis(redis.port);
      await expect
        .poll(async () => (await shop.visitor.get('/health')).body, { timeout: 30_000 })
        .toMatchObject({
          redis: 'up',
        });
      expect((await shop.visitor.get(ROSES)).text).toBe(now);
      await shopGoesOn(shop, 'counter');
    },
  );

  it('says 503 when its MongoDB is gone, while pages that are cached go on', async () => {
    const alone = await startOwnMongo();
    onTestFinished(() => alone.stop());
    const shop = await shopForThisTest({ variables: { MONGO_URI: withDatabase(alone.url, 'shop') } });
    const page = (await shop.visitor.get(ROSES)).text;
    await alone.kill('SIGKILL');
    const health = await shop.visitor.get('/health');
    expect([health.status, health.body]).toEqual([503, { status: 'down', mongodb: 'down', redis: 'up' }]);
    expect((await shop.visitor.get(ROSES)).text).toBe(page);
    const uncached = await shop.visitor.get<{ message: string }>('/products?category=lilies');
    expect([uncached.status, uncached.body.message]).toEqual([
      503,
      'The database does not answer; try again in a moment',
    ]);
  });

  it('fills an empty database once, and never touches one that is not empty', async () => {
    const shop = await openTestShop();
    expect(shop.seeded).toEqual({ products: 120, customers: 40, orders: 400 });
    const database = await databaseOf(shop.uri);
    const filled = await database.fingerprint();
    await shop.close();
    const again = await shopForThisTest({ variables: { MONGO_URI: shop.uri } });
    expect(again.seeded).toBeUndefined();
    expect(await database.fingerprint()).toBe(filled);

    const other = mongo();
    await (
      await connectionTo(other)
    )
      .collection('customers')
      .insertOne({ number: 1, email: 'a@b', name: 'A' });
    expect((await shopForThisTest({ variables: { MONGO_URI: other } })).seeded).toBeUndefined();
    expect(await (await databaseOf(other)).documents()).toBe(1);
  });

  it('completes a filling that was cut off, and two shops fill one database as one', async () => {
    const whole = await shopForThisTest();
    const fingerprint = await (await databaseOf(whole.uri)).fingerprint();

    const connection = await connectionTo(whole.uri);
    await connection.collection('orders').deleteMany({ totalCents: { $gt: 5_000 } });
    await connection.collection('products').deleteOne({});
    await connection.collection('seeding').insertOne({ since: new Date() });
    const variables = { MONGO_URI: whole.uri };
    expect((await shopForThisTest({ variables })).seeded).toBeDefined();
    expect(await (await databaseOf(whole.uri)).fingerprint()).toBe(fingerprint);

    const shared = { MONGO_URI: mongo() };
    await Promise.all([shopForThisTest({ variables: shared }), shopForThisTest({ variables: shared })]);
    expect(await (await databaseOf(shared.MONGO_URI)).fingerprint()).toBe(fingerprint);
  });

  it('lists all that is wrong with its environment at once', async () => {
    const wrong = {
      MONGO_URI: 'http://localhost',
      REDIS_TTL: 'soon',
      PORT: '70000',
      FLORA_SEED_ORDERS: 'many',
    };
    const opened = openTestShop({ variables: wrong });
    await expect(opened).rejects.toMatchObject({ code: 'INVALID_ENVIRONMENT' });
    await expect(opened).rejects.toThrow(/PORT[^]*FLORA_SEED_ORDERS[^]*REDIS_TTL[^]*MONGO_URI/);
  });

  it('says that its port is taken, and leaves nothing open', async () => {
    const taken = createServer().listen(0, 'localhost');
    onTestFinished(() => void taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await expect(openTestShop({ variables: { PORT: String(port) } })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

async function ownRedis(port?: number): Promise<RunningServer> {
  const server = await startOwnRedis(port === undefined ? {} : { port });
  onTestFinished(() => server.stop());
  return server;
}

/** A port where nobody listens: that of a Redis that is gone. */
async function urlOfNoRedis(): Promise<string> {
  const server = await startOwnRedis();
  await server.stop();
  await sleep(10);
  return server.url;
}
