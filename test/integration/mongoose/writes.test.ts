import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { describeWith, startOwnMongo } from '../../servers/index.js';
import { holdAnswersOf } from '../../conformance/queries/held-proxy.js';
import { openShop, productSchema, type Shop } from './shop.js';

type Write = (shop: Shop, id: mongoose.Types.ObjectId) => unknown;

/** Each changes, adds or removes a rose. */
const writes: Record<string, Write> = {
  'document.save': async ({ Product }, id) => {
    const rose = await Product.findById(id).orFail();
    rose.price = 99;
    await rose.save();
  },
  'document.updateOne': async ({ Product }, id) =>
    (await Product.findById(id).orFail()).updateOne({ price: 99 }),
  'document.deleteOne': async ({ Product }, id) => (await Product.findById(id).orFail()).deleteOne(),
  create: ({ Product }) => Product.create({ name: 'Rose', price: 1 }),
  insertMany: ({ Product }) => Product.insertMany([{ name: 'Rose' }, { name: 'Rose' }]),
  insertOne: ({ Product }) => Product.insertOne({ name: 'Rose' }),
  updateOne: ({ Product }) => Product.updateOne({ name: 'Rose' }, { price: 99 }),
  'updateOne by _id': ({ Product }, id) => Product.updateOne({ _id: id }, { price: 99 }),
  updateMany: ({ Product }) => Product.updateMany({}, { price: 99 }),
  replaceOne: ({ Product }, id) => Product.replaceOne({ _id: id }, { name: 'Rose', price: 99 }),
  'updateOne that upserts': ({ Product }) =>
    Product.updateOne({ name: 'Rose', price: 5 }, { price: 6 }, { upsert: true }),
  deleteOne: ({ Product }) => Product.deleteOne({ name: 'Rose' }),
  deleteMany: ({ Product }) => Product.deleteMany({}),
  findOneAndUpdate: ({ Product }) => Product.findOneAndUpdate({ name: 'Rose' }, { price: 99 }),
  findByIdAndUpdate: ({ Product }, id) => Product.findByIdAndUpdate(id, { price: 99 }),
  findOneAndReplace: ({ Product }, id) => Product.findOneAndReplace({ _id: id }, { name: 'Rose', price: 99 }),
  findOneAndDelete: ({ Product }) => Product.findOneAndDelete({ name: 'Rose' }),
  findByIdAndDelete: ({ Product }, id) => Product.findByIdAndDelete(id),
  bulkWrite: ({ Product }, id) =>
    Product.bulkWrite([
      { updateOne: { filter: { _id: id }, update: { price: 99 } } },
      { insertOne: { document: { name: 'Rose' } } },
    ]),
  'bulkWrite, unordered': ({ Product }) =>
    Product.bulkWrite([{ updateMany: { filter: {}, update: { price: 99 } } }], { ordered: false }),
  bulkSave: async ({ Product }) => {
    const roses = await Product.find({ name: 'Rose' });
    for (const rose of roses) rose.price = 99;
    await Product.bulkSave(roses);
  },
  'collection.updateOne of Mongoose': ({ Product }, id) =>
    Product.collection.updateOne({ _id: id }, { $set: { price: 99 } }),
  'collection.bulkWrite of the driver': ({ connection }, id) =>
    connection.db!.collection('products').bulkWrite([{ deleteOne: { filter: { _id: id } } }]),
  'a bulk operation of the driver': ({ connection }, id) => {
    const bulk = connection.db!.collection('products').initializeUnorderedBulkOp();
    bulk.find({ _id: id }).updateOne({ $set: { price: 99 } });
    return bulk.execute();
  },
  'another database handle of the client': ({ connection }, id) =>
    connection.getClient().db(connection.name).collection('products').deleteOne({ _id: id }),
  'an aggregate with $merge': ({ Product }) =>
    Product.aggregate([{ $set: { price: 99 } }, { $merge: { into: 'products', whenMatched: 'replace' } }]),
  'an aggregate with $out': ({ Supplier, connection }) => {
    return Supplier.create({ name: 'Rose' }).then(() =>
      connection
        .db!.collection('suppliers')
        .aggregate([{ $out: 'products' }])
        .toArray(),
    );
  },
  'a cursor of an aggregate with $merge': async ({ Product }) => {
    const cursor = Product.aggregate([{ $set: { price: 99 } }, { $merge: { into: 'products' } }]).cursor();
    await cursor.next();
    await cursor.close();
  },
  'a command': ({ connection }, id) =>
    connection.db!.command({ update: 'products', updates: [{ q: { _id: id }, u: { $set: { price: 99 } } }] }),
  'a command with a cursor': ({ connection }) =>
    connection
      .db!.runCursorCommand({
        aggregate: 'products',
        pipeline: [{ $set: { price: 99 } }, { $merge: 'products' }],
        cursor: {},
      })
      .toArray(),
  'a command of the administrator': ({ connection: { db } }) =>
    db!.admin().command({
      renameCollection: `${db!.databaseName}.products`,
      to: `${db!.databaseName}.was-${new mongoose.Types.ObjectId().toHexString()}`,
    }),
  'collection.drop': ({ Product }) => Product.collection.drop(),
  dropCollection: ({ connection }) => connection.dropCollection('products'),
  dropDatabase: ({ connection }) => connection.dropDatabase(),
  'collection.rename': async ({ Product, connection }) => {
    await connection.db!.collection('products').rename(`was-${new mongoose.Types.ObjectId().toHexString()}`);
    await Product.create({ name: 'Tulip' });
  },
  'useDb, to the same database': ({ connection }, id) =>
    connection.useDb(connection.name).collection('products').deleteOne({ _id: id }),
};

describeWith(['mongo', 'redis'], 'after a write', () => {
  let shop: Shop;
  let id: mongoose.Types.ObjectId;

  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop.close());
  beforeEach(async () => {
    await shop.Product.deleteMany({});
    id = (await shop.Product.create({ name: 'Rose', price: 12 }))._id;
  });

  const asked = async ({ Product }: Shop, mark: boolean) => {
    const marked = <Q extends { cache(): Q }>(query: Q): Q => (mark ? query.cache() : query);
    return JSON.stringify([
      await marked(Product.find({ name: 'Rose' }).sort('_id').lean()),
      await marked(Product.findById(id).lean()),
      await marked(Product.findOne({ name: 'Rose' }).sort('_id').lean()),
      await marked(Product.countDocuments({ name: 'Rose' })),
      await marked(Product.distinct('price')),
      await marked(
        Product.aggregate([
          { $group: { _id: '$name', n: { $sum: 1 }, p: { $max: '$price' } } },
          { $sort: { _id: 1 } },
        ]),
      ),
    ]);
  };

  it.each(Object.entries(writes))('%s: every read is fresh', async (_, write) => {
    const before = await asked(shop, true);
    expect(await shop.readsOf(() => asked(shop, true))).toBe(0);
    await write(shop, id);
    const after = await asked(shop, true);
    expect(after).toBe(await asked(shop, false));
    expect(after).not.toBe(before);
  });

  it('to one document, reads of another one by _id stay', async () => {
    const other = await shop.Product.create({ name: 'Fern' });
    const ask = () => shop.Product.findById(other._id).cache();
    await ask();
    await shop.Product.updateOne({ _id: id }, { price: 99 });
    await shop.Product.create({ name: 'Moss' });
    expect(await shop.readsOf(ask)).toBe(0);
    await shop.Product.updateOne({ name: 'Moss' }, { price: 99 });
    expect(await shop.readsOf(ask)).toBe(1);
  });

  it('a null that was cached goes with the document that is created', async () => {
    const later = new mongoose.Types.ObjectId();
    expect(await shop.Product.findById(later).cache()).toBeNull();
    await shop.Product.create({ _id: later, name: 'Oak' });
    expect(await shop.Product.findById(later).cache()).toMatchObject({ name: 'Oak' });
  });

  it('to a collection that was looked up, the aggregate is fresh', async () => {
    const supplier = await shop.Supplier.create({ name: 'Hortus' });
    await shop.Product.updateOne({ _id: id }, { supplier: supplier._id });
    const ask = () =>
      shop.Product.aggregate<{ s: { name: string }[] }>([
        { $match: { _id: id } },
        { $lookup: { from: 'suppliers', localField: 'supplier', foreignField: '_id', as: 's' } },
      ]).cache();
    expect((await ask())[0]?.s[0]?.name).toBe('Hortus');
    await shop.Supplier.updateOne({ _id: supplier._id }, { name: 'Flora' });
    expect((await ask())[0]?.s[0]?.name).toBe('Flora');
  });

  it('to what a view shows, reads of the view are fresh', async () => {
    const Dear = shop.connection.model('Dear', productSchema(), 'dear');
    await shop.connection.createCollection('dear', {
      viewOn: 'products',
      pipeline: [
        { $match: { price: { $gte: 10 } } },
        { $lookup: { from: 'suppliers', localField: 'supplier', foreignField: '_id', as: 's' } },
      ],
    });
    const supplier = await shop.Supplier.create({ name: 'Hortus' });
    await shop.Product.updateOne({ _id: id }, { supplier: supplier._id });
    const ask = () => Dear.find().lean<{ name: string; s: { name: string }[] }[]>().cache();
    const one = () => Dear.findById(id).cache();
    const joined = () =>
      shop.Supplier.aggregate<{ dear: unknown[] }>([
        { $lookup: { from: 'dear', localField: '_id', foreignField: 'supplier', as: 'dear' } },
        { $match: { _id: supplier._id } },
      ]).cache();
    expect([await ask(), await one(), (await joined())[0]?.dear]).toMatchObject([
      [{ name: 'Rose' }],
      {},
      [{}],
    ]);
    expect(await shop.readsOf(() => Promise.all([ask(), one(), joined()]))).toBe(0);
    await shop.Supplier.updateOne({ _id: supplier._id }, { name: 'Flora' });
    expect((await ask())[0]?.s[0]?.name).toBe('Flora');
    await shop.Product.updateOne({ _id: id }, { price: 5 });
    expect([await ask(), await one(), (await joined())[0]?.dear]).toEqual([[], null, []]);
    await shop.connection.db!.command({ collMod: 'dear', viewOn: 'suppliers', pipeline: [] });
    expect((await ask()).map(({ name }) => name)).toContain('Flora');
    await shop.Supplier.updateOne({ _id: supplier._id }, { name: 'Hortus' });
    expect((await ask()).map(({ name }) => name)).toContain('Hortus');
    await shop.connection.dropCollection('dear');
    expect(await ask()).toEqual([]);
  });

  it('a view whose answer is a matter of the moment is not cached', async () => {
    const Now = shop.connection.model('Now', productSchema(), 'now');
    await shop.connection.createCollection('now', {
      viewOn: 'products',
      pipeline: [{ $set: { at: '$$NOW' } }],
    });
    await Now.find().cache();
    expect(await shop.readsOf(() => Now.find().cache())).toBe(1);
    await shop.connection.dropCollection('now');
  });

  it('that failed, reads are asked again all the same: it may have been applied', async () => {
    await shop.Product.findById(id).cache();
    await expect(shop.Product.collection.insertOne({ _id: id, name: 'twice' })).rejects.toThrow(/duplicate/);
    expect(await shop.readsOf(() => shop.Product.findById(id).cache())).toBe(1);
  });

  it('by a bulk that failed halfway, what it did before is seen', async () => {
    await shop.Product.countDocuments().cache();
    const more = [{ name: 'Oak' }, { _id: id, name: 'twice' }];
    await expect(shop.Product.collection.insertMany(more as never[])).rejects.toThrow(/duplicate/);
    expect(await shop.Product.countDocuments().cache()).toBe(2);
  });

  it('by another process, reads are fresh as well', async () => {
    const { namespace } = shop.cache.options;
    const elsewhere = await openShop({ uri: shop.uri, cache: { namespace } });
    try {
      const ask = () => shop.Product.findById(id).lean().cache();
      await ask();
      expect(await elsewhere.readsOf(() => elsewhere.Product.findById(id).cache())).toBe(0);
      await elsewhere.Product.updateOne({ _id: id }, { price: 99 });
      await expect.poll(async () => (await ask())?.price).toBe(99);
    } finally {
      await elsewhere.close();
    }
  });

  it('the tag of the model has been stamped, for pages that show it', async () => {
    const { model } = await import('../../../src/cache/tags.js');
    for (const [key, tag] of [
      ['by-name', model('Product')],
      ['by-model', model(shop.Product)],
    ] as const) {
      await shop.cache.set(key, 'page', { tags: [tag] });
      await shop.Supplier.create({ name: 'another model' });
      expect(await shop.cache.get(key)).toBe('page');
      await shop.Product.updateOne({ _id: id }, { price: 98 });
      expect(await shop.cache.get(key)).toBeUndefined();
    }
  });
});

describeWith(['mongod', 'redis'], 'reads and writes at the same time', () => {
  const open = async () => {
    const server = await startOwnMongo();
    const proxy = await holdAnswersOf(server.port);
    const uri = `mongodb://127.0.0.1:${server.port}/shop?directConnection=true`;
    const direct = await openShop({ uri });
    const { namespace } = direct.cache.options;
    const held = await openShop({
      uri: `mongodb://127.0.0.1:${proxy.port}/shop?directConnection=true&retryWrites=false`,
      cache: { namespace },
    });
    // In the process of `held`, past the proxy: what it writes has been seen to finish there.
    const near = await held.plugin.attach(mongoose.createConnection(uri)).asPromise();
    const Written = near.model('Product', productSchema());
    const close = async () => {
      proxy.release();
      await near.close();
      await held.close();
      await direct.close();
      await proxy.close();
      await server.stop();
    };
    return { proxy, direct, held, Written, close };
  };

  it('a slow read that began before a write is not served after it', async () => {
    const { proxy, held, Written, close } = await open();
    try {
      const { _id } = await Written.create({ name: 'Rose', price: 1 });
      await held.Product.findOne().cache(); // so that nothing else is to be asked
      proxy.hold();
      const sent = proxy.sent();
      const slow = held.Product.findById(_id).lean().cache();
      const answer = slow.exec();
      await sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
      await Written.updateOne({ _id }, { price: 2 });
      proxy.release();
      expect((await answer)?.price).toBe(1); // it began before the write
      expect((await held.Product.findById(_id).lean().cache())?.price).toBe(2);
    } finally {
      await close();
    }
  });

  it('a reader that comes after a write does not join a load that began before it', async () => {
    const { proxy, held, Written, close } = await open();
    try {
      const { _id } = await Written.create({ name: 'Rose', price: 1 });
      await held.Product.findOne().cache();
      proxy.hold();
      const sent = proxy.sent();
      const before = held.Product.findById(_id).lean().cache().exec();
      await sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
      await Written.updateOne({ _id }, { price: 2 });
      const after = held.Product.findById(_id).lean().cache().exec();
      await new Promise((resolve) => setTimeout(resolve, 50));
      proxy.release();
      expect((await before)?.price).toBe(1);
      expect((await after)?.price).toBe(2);
    } finally {
      await close();
    }
  });

  it('a write whose acknowledgement was lost has invalidated when its error is there', async () => {
    const { proxy, held, direct, close } = await open();
    try {
      const { _id } = await held.Product.create({ name: 'Rose', price: 1 });
      await held.Product.findById(_id).cache();
      proxy.hold();
      const sent = proxy.sent();
      const lost = held.Product.updateOne({ _id }, { price: 2 }).exec();
      const outcome = lost.then(
        () => 'acknowledged',
        () => 'lost',
      );
      await sent;
      await expect.poll(async () => (await direct.Product.findById(_id).lean())?.price).toBe(2);
      proxy.cut();
      expect(await outcome).toBe('lost');
      proxy.release();
      expect((await held.Product.findById(_id).lean().cache())?.price).toBe(2);
    } finally {
      await close();
    }
  });

  it('a hundred cold reads at once, in two processes, are one read of the database', async () => {
    const one = await openShop();
    const { namespace } = one.cache.options;
    const other = await openShop({ uri: one.uri, cache: { namespace } });
    try {
      await one.Product.create({ name: 'Rose', price: 1 });
      const before = one.reads() + other.reads();
      const ask = (_: unknown, nth: number) =>
        (nth % 2 === 0 ? one : other).Product.find({ name: 'Rose' }).cache();
      const answers = await Promise.all(Array.from({ length: 100 }, ask));
      expect(one.reads() + other.reads() - before).toBe(1);
      expect(answers.every(([rose]) => rose?.price === 1)).toBe(true);
    } finally {
      await one.close();
      await other.close();
    }
  });

  it('many writers and readers: what is read after a write has been seen to finish is never older', async () => {
    const { direct, close } = await open();
    try {
      const { _id } = await direct.Product.create({ name: 'Rose', price: 0 });
      const written = { finished: 0 };
      const writer = async () => {
        for (let price = 1; price <= 100; price += 1) {
          await direct.Product.updateOne({ _id }, { price });
          written.finished = price;
        }
      };
      const reader = async () => {
        while (written.finished < 100) {
          await new Promise(setImmediate); // hits alone would leave the writer no turn
          const atLeast = written.finished;
          const [one, all] = await Promise.all([
            direct.Product.findById(_id).lean().cache(),
            direct.Product.find({ name: 'Rose' }).lean().cache(),
          ]);
          expect(one?.price).toBeGreaterThanOrEqual(atLeast);
          expect(all[0]?.price).toBeGreaterThanOrEqual(atLeast);
        }
      };
      await Promise.all([writer(), ...Array.from({ length: 8 }, reader)]);
    } finally {
      await close();
    }
  });
});
