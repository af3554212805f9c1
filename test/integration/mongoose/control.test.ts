import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { createCache } from '../../../src/cache/cache.service.js';
import { QueryCacheError } from '../../../src/cache/cache.errors.js';
import { MongooseCachePlugin } from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import { describeWith, mongo, redis, startOwnRedis } from '../../servers/index.js';
import { openShop, productSchema, type Shop } from './shop.js';

describeWith(['mongo', 'redis'], 'control over cached queries', () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop.close());
  beforeEach(async () => {
    await shop.cache.clear();
    await shop.Product.deleteMany({});
    await shop.Product.create([
      { name: 'Rose', category: 'bouquets', price: 12 },
      { name: 'Fern', category: 'plants', price: 30 },
    ]);
  });
  const named = () => shop.Product.find({ category: 'bouquets' }).cache({ ttl: 3600, key: 'bouquets' });

  describe('a key of one’s own', () => {
    it('names an entry of the cache: has, get, ttl, delete', async () => {
      await named();
      expect(await shop.readsOf(named)).toBe(0);
      expect(await shop.cache.has('bouquets')).toBe(true);
      expect(await shop.cache.ttl('bouquets')).toBeGreaterThan(3_500);
      const [rose] = (await shop.cache.get<Record<string, unknown>[]>('bouquets')) ?? [];
      expect(rose).toMatchObject({ name: 'Rose', _id: expect.any(mongoose.Types.ObjectId) as unknown });
      expect(await shop.cache.delete('bouquets')).toBe(1);
      expect(await shop.readsOf(named)).toBe(1);
    });

    it('is reached by clearPattern', async () => {
      await named();
      expect(await shop.cache.clearPattern('bouq*')).toBe(1);
      expect(await shop.readsOf(named)).toBe(1);
    });

    it('nor while it is being loaded', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, nth) => {
          const category = nth % 2 === 0 ? 'bouquets' : 'plants';
          return shop.Product.find({ category })
            .cache({ key: 'bouquets' })
            .then((found) => found[0]?.category === category);
        }),
      );
      expect(answers).toEqual(Array.from({ length: 20 }, () => true));
    });

    it.each([null, 0, [] as unknown[]])('%j under a key is a value', async (value) => {
      const ask = {
        null: () => shop.Product.findOne({ name: 'Oak' }).lean().cache({ key: 'k' }),
        '0': () => shop.Product.countDocuments({ name: 'Oak' }).cache({ key: 'k' }),
        '[]': () => shop.Product.find({ name: 'Oak' }).lean().cache({ key: 'k' }),
      }[JSON.stringify(value)] as () => PromiseLike<unknown>;
      await ask();
      expect(await shop.cache.has('k')).toBe(true);
      expect(await shop.cache.get('k')).toEqual(value);
      expect(await shop.readsOf(ask)).toBe(0);
    });
  });

  it('automatic entries are out of reach of keys and patterns', async () => {
    await shop.cache.clearPattern('*');
    const ask = () => shop.Product.find().cache();
    await ask();
    expect(await shop.cache.clearPattern('*')).toBe(0);
    expect(await shop.readsOf(ask)).toBe(0);
  });

  it('clearModelCache drops all queries of the model, by name and by model, and no others', async () => {
    for (const of of ['Product', shop.Product] as const) {
      const ask = () => shop.Product.find().cache();
      const other = () => shop.Supplier.find().cache();
      await Promise.all([ask(), named(), other()]);
      await shop.cache.clearModelCache(of);
      expect(await shop.readsOf(ask)).toBe(1);
      expect(await shop.readsOf(named)).toBe(1);
      expect(await shop.readsOf(other)).toBe(0);
    }
  });

  it('a ttl of 0, and false: the query is as if never marked', async () => {
    for (const given of [0, false, { ttl: 0, key: 'k' }] as const) {
      const ask = () => shop.Product.find({ category: 'plants' }).cache().cache(given);
      await ask();
      expect(await shop.readsOf(ask)).toBe(1);
      const pipeline = () =>
        shop.Product.aggregate([{ $match: {} }])
          .cache()
          .cache(given);
      await pipeline();
      expect(await shop.readsOf(pipeline)).toBe(1);
    }
  });

  it('a stale result is served while it is loaded anew', async () => {
    let now = 1_000_000;
    const other = await openShop({ cache: { clock: { now: () => now } } });
    try {
      await other.Product.create({ name: 'Rose' });
      const ask = () => other.Product.find().lean().cache({ ttl: 10, staleTtl: 60 });
      await ask();
      now += 20_000;
      const before = other.reads();
      expect(await ask()).toHaveLength(1);
      await expect.poll(() => other.reads() - before).toBe(1);
      await expect.poll(() => other.cache.stats().fills).toBe(2);
      expect(await other.readsOf(ask)).toBe(0);
    } finally {
      await other.close();
    }
  });

  it('a clone and a reusable query keep the mark', async () => {
    const query = shop.Product.find({ category: 'plants' }).cache();
    await query.clone();
    expect(await shop.readsOf(() => query.clone())).toBe(0);
    const Plants = query.toConstructor();
    expect(await shop.readsOf(() => new Plants())).toBe(0);
    expect(await shop.readsOf(() => query.clone().countDocuments())).toBe(1);
    expect(await shop.readsOf(() => query.clone().countDocuments())).toBe(0);
  });

  describe('what can’t be cached goes to the database every time', () => {
    const asks: Record<string, () => PromiseLike<unknown>> = {
      'a cursor': () => shop.Product.find().cache().cursor().next(),
      'a cursor of an aggregate': () =>
        shop.Product.aggregate([{ $match: {} }])
          .cache()
          .cursor()
          .next(),
      'the time': () => shop.Product.aggregate([{ $set: { now: '$$NOW' } }]).cache(),
      chance: () => shop.Product.aggregate([{ $sample: { size: 1 } }]).cache(),
      'a script': () => shop.Product.find({ $where: 'true' }).cache(),
      'a secondary': () => shop.Product.find().read('secondaryPreferred').cache(),
    };
    it.each(Object.entries(asks))('%s', async (_, ask) => {
      await ask();
      expect(await shop.readsOf(ask)).toBe(1);
    });

    it('how a query would be executed', async () => {
      const explained = await shop.Product.find().cache().explain();
      expect(explained).toHaveProperty('queryPlanner');
    });

    it('a query that is not marked', async () => {
      await shop.Product.find().cache();
      expect(await shop.readsOf(() => shop.Product.find())).toBe(1);
    });
  });

  it('reads that ask for more than an answer that was right go to the database', async () => {
    const ask = (options: object) => shop.Product.find().setOptions(options).cache();
    await ask({});
    for (const level of ['linearizable', 'snapshot'])
      expect(await shop.readsOf(() => ask({ readConcern: { level } }))).toBe(1);
    expect(await shop.readsOf(() => ask({ readConcern: { level: 'majority' } }))).toBe(1);
    expect(await shop.readsOf(() => ask({ readConcern: { level: 'majority' } }))).toBe(0);
  });

  it('what the driver refuses is refused where the answer is known, too', async () => {
    const session = await shop.connection.startSession();
    await session.endSession();
    await shop.Product.find().cache();
    for (const options of [{ session }, { signal: AbortSignal.abort(new Error('enough')) }]) {
      const ask = () => shop.Product.find().setOptions(options);
      const [unmarked, marked] = await Promise.allSettled([ask().exec(), ask().cache().exec()]);
      expect(unmarked.status).toBe('rejected');
      expect(marked).toEqual(unmarked);
    }
  });

  it('a read that may use a secondary is answered from what the primary said', async () => {
    await shop.Product.find().cache();
    expect(await shop.readsOf(() => shop.Product.find().read('secondaryPreferred').cache())).toBe(0);
  });

  describe('misuse is refused, naming the query', () => {
    it.each<[string, () => unknown, RegExp]>([
      [
        'an unknown option',
        () => shop.Product.find().cache({ tll: 5 } as never),
        /Product\.find\(\)\.cache\(\).*"tll"/,
      ],
      [
        'a key that is not a string',
        () => shop.Product.findOne().cache({ key: 5 as never }),
        /Product\.findOne\(\).*key is 5/,
      ],
      [
        'a ttl that is none',
        () => shop.Product.countDocuments().cache('soon'),
        /Product\.countDocuments\(\).*"soon"/,
      ],
      ...[new Date(), new Map([['ttl', 5]]), /5/].map((given): [string, () => unknown, RegExp] => [
        Object.prototype.toString.call(given),
        () => shop.Product.find().cache(given as never),
        /was given an object.*expected a duration/,
      ]),
      ['an aggregate', () => shop.Product.aggregate([]).cache(-1), /Product\.aggregate\(\).*-1/],
      ['a write', () => shop.Product.updateOne({}, { price: 1 }).cache(), /Product\.updateOne\(\) writes/],
      [
        'a write with a result',
        () => shop.Product.findOneAndDelete({}).cache(),
        /Product\.findOneAndDelete\(\) writes/,
      ],
    ])('%s', (_, call, message) => {
      expect(call).toThrow(QueryCacheError);
      expect(call).toThrow(message);
    });

    it('a query that becomes a write later on', async () => {
      const query = shop.Product.find({ name: 'Rose' }).cache();
      await expect(query.updateOne({}, { price: 99 }).exec()).rejects.toThrow(
        /Product\.updateOne\(\) writes/,
      );
      expect(await shop.Product.countDocuments({ price: 99 })).toBe(0);
    });
  });
});

describeWith(['mongo', 'redis'], 'attaching', () => {
  it('two databases with the same models and one cache don’t mix', async () => {
    const one = await openShop();
    const { namespace } = one.cache.options;
    const other = await openShop({ cache: { namespace } });
    try {
      await one.Product.create({ name: 'Rose' });
      expect(await one.Product.find().cache({ key: 'all' })).toHaveLength(1);
      expect(await other.Product.find().cache({ key: 'all' })).toHaveLength(0);
      expect(await one.Product.find().cache()).toHaveLength(1);
      expect(await other.Product.find().cache()).toHaveLength(0);
      const { model } = await import('../../../src/cache/tags.js');
      await one.cache.set('page', 1, { tags: [model(one.Product)] });
      await other.Product.create({ name: 'Rose' });
      expect(await one.cache.get('page')).toBe(1);
    } finally {
      await one.close();
      await other.close();
    }
  });

  it('a Mongoose instance: connections and models that were there, and those that come', async () => {
    const { url, namespace } = redis();
    const cache = await createCache({ redis: { url }, namespace });
    const base = new mongoose.Mongoose();
    const Before = base.model('Before', new base.Schema({ name: String }));
    await base.connect(mongo());
    const plugin = new MongooseCachePlugin(cache);
    expect(plugin.attach(base)).toBe(base);
    try {
      const After = base.model('After', new base.Schema({ name: String }));
      const second = await base.createConnection(mongo()).asPromise();
      const Second = second.model('After', new base.Schema({ name: String }));
      const Tenant = base.connection
        .useDb(new URL(mongo()).pathname.slice(1))
        .model('After', new base.Schema({ name: String }));
      for (const Model of [Before, After, Second, Tenant]) {
        await Model.create({ name: 'one' });
        expect(await Model.countDocuments().cache()).toBe(1);
        await Model.collection.insertOne({ name: 'two' });
        expect(await Model.countDocuments().cache()).toBe(2);
        await Model.db.db?.collection(Model.collection.collectionName).insertOne({ name: 'three' });
        expect(await Model.countDocuments().cache()).toBe(3);
        expect(cache.stats().fills).toBeGreaterThanOrEqual(3);
      }
      expect(cache.stats().fills).toBe(12);
    } finally {
      plugin.detach();
      await base.disconnect();
      await cache.close();
    }
  });

  it('a query that is asked before the connection is open waits for it, as ever', async () => {
    const { url, namespace } = redis();
    const cache = await createCache({ redis: { url }, namespace });
    const plugin = new MongooseCachePlugin(cache);
    const connection = plugin.attach(mongoose.createConnection());
    const Product = connection.model('Product', productSchema());
    const early = Product.find().cache().exec();
    const count = Product.aggregate([{ $count: 'n' }])
      .cache()
      .exec();
    await connection.openUri(mongo());
    expect(await early).toEqual([]);
    expect(await count).toEqual([]);
    plugin.detach();
    await connection.close();
    await cache.close();
  });

  it('twice is once', async () => {
    const shop = await openShop();
    shop.plugin.attach(shop.connection);
    shop.plugin.attach(shop.connection.base);
    await shop.Product.find().cache();
    expect(await shop.readsOf(() => shop.Product.find().cache())).toBe(0);
    await shop.close();
    expect('cache' in mongoose.Query.prototype).toBe(false);
  });

  it('a connection that is closed and opened anew', async () => {
    const shop = await openShop();
    await shop.connection.close();
    await shop.connection.openUri(shop.uri);
    await shop.Product.create({ name: 'Rose' });
    expect(await shop.Product.countDocuments().cache()).toBe(1);
    await shop.Product.create({ name: 'Fern' });
    expect(await shop.Product.countDocuments().cache()).toBe(2);
    await shop.close();
  });

  it('detach takes everything away again', async () => {
    const shop = await openShop();
    const { connection, Product } = shop;
    const client = connection.getClient();
    const watched = () =>
      [
        connection,
        client,
        connection.db!,
        Product.collection,
        (Product.collection as unknown as { collection: object }).collection,
      ]
        .flatMap((target) => Object.entries(Object.getOwnPropertyDescriptors(target)))
        .filter(([name, { value }]) => typeof value === 'function' && !name.startsWith('_'))
        .map(([name]) => name);
    expect(watched()).toContain('insertOne');
    shop.plugin.detach();
    expect(watched()).not.toContain('insertOne');
    expect(watched()).not.toContain('useDb');
    expect('cache' in mongoose.Query.prototype).toBe(false);
    expect('cache' in mongoose.Aggregate.prototype).toBe(false);
    await Product.create({ name: 'Rose' });
    expect(await Product.find()).toHaveLength(1);
    expect(shop.cache.stats().fills).toBe(0);
    await shop.close();
  });

  it('of one connection leaves the queries of others alone', async () => {
    const one = await openShop();
    const other = await openShop();
    one.plugin.detach();
    expect(await one.Product.find().cache()).toEqual([]);
    expect(await one.readsOf(() => one.Product.find().cache())).toBe(1);
    await other.Product.find().cache();
    expect(await other.readsOf(() => other.Product.find().cache())).toBe(0);
    await one.close();
    await other.close();
  });

  it.each([undefined, null, {}, 'mongodb://x', () => {}])(
    'what is neither is refused: %o',
    async (target) => {
      const cache = await createCache({ redis: false });
      expect(() => new MongooseCachePlugin(cache).attach(target as never)).toThrow(QueryCacheError);
      await cache.close();
    },
  );

  it('another method `cache` on queries is not overwritten', async () => {
    const cache = await createCache({ redis: false });
    const prototype = mongoose.Query.prototype as unknown as Record<string, unknown>;
    expect(Object.hasOwn(prototype, 'cache')).toBe(false);
    prototype.cache = () => 'theirs';
    try {
      expect(() => new MongooseCachePlugin(cache).attach(mongoose)).toThrow(/have a method `cache` already/);
    } finally {
      delete prototype.cache;
      await cache.close();
    }
  });
});

describeWith(['mongo', 'redis-server'], 'without Redis', () => {
  it('queries go to the database and are right, before, during and after', async () => {
    const server = await startOwnRedis();
    const shop = await openShop({ cache: { redis: { url: server.url }, outageTtl: '50ms' } });
    try {
      const { _id } = await shop.Product.create({ name: 'Rose', price: 1 });
      const price = async () => (await shop.Product.findById(_id).lean().cache())?.price;
      expect(await price()).toBe(1);
      await server.kill('SIGKILL');
      for (let next = 2; next < 10; next += 1) {
        await shop.Product.updateOne({ _id }, { price: next });
        expect(await price()).toBe(next);
        expect(await shop.Product.countDocuments({ price: next }).cache()).toBe(1);
      }
    } finally {
      await shop.close();
      await server.stop();
    }
  });

  it('a frozen one costs no answer either', async () => {
    const server = await startOwnRedis();
    const shop = await openShop({ cache: { redis: { url: server.url } } });
    try {
      const { _id } = await shop.Product.create({ name: 'Rose', price: 1 });
      const price = async () => (await shop.Product.findById(_id).lean().cache())?.price;
      expect(await price()).toBe(1);
      await server.kill('SIGSTOP');
      for (let next = 2; next < 6; next += 1) {
        await shop.Product.updateOne({ _id }, { price: next });
        expect(await price()).toBe(next);
      }
      await server.kill('SIGCONT');
      await shop.Product.updateOne({ _id }, { price: 6 });
      await expect.poll(() => shop.cache.stats().state).toBe('up');
      expect(await price()).toBe(6);
    } finally {
      await server.kill('SIGCONT');
      await shop.close();
      await server.stop();
    }
  });

  it('in memory alone everything works as well', async () => {
    const shop = await openShop({ cache: { redis: false } });
    try {
      await shop.Product.create({ name: 'Rose' });
      const ask = () => shop.Product.find().cache({ key: 'all' });
      await ask();
      expect(await shop.readsOf(ask)).toBe(0);
      await shop.Product.create({ name: 'Fern' });
      expect(await ask()).toHaveLength(2);
      expect(await shop.cache.get('all')).toHaveLength(2);
    } finally {
      await shop.close();
    }
  });
});
