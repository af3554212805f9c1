import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { MongooseCachePlugin } from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import { describeWith } from '../../servers/index.js';
import { openShop, productSchema, type Shop } from './shop.js';

describeWith(['mongo', 'redis'], 'transactions', () => {
  let shop: Shop;
  let id: mongoose.Types.ObjectId;
  const price = async () => (await shop.Product.findById(id).lean().cache())?.price;

  beforeAll(async () => {
    shop = await openShop();
    await shop.Product.createCollection();
  });
  afterAll(() => shop.close());
  beforeEach(async () => {
    await shop.Product.deleteMany({});
    id = (await shop.Product.create({ name: 'Rose', price: 1 }))._id;
    await price();
  });

  it('reads inside one go to the database, and what they see is not stored', async () => {
    const session = await shop.connection.startSession();
    session.startTransaction();
    await shop.Product.updateOne({ _id: id }, { price: 2 }, { session });
    const ask = () => shop.Product.findById(id).session(session).lean().cache();
    expect((await ask())?.price).toBe(2);
    expect(await shop.readsOf(ask)).toBe(1);
    expect(
      await shop.Product.aggregate([{ $match: { price: 2 } }])
        .session(session)
        .cache(),
    ).toHaveLength(1);
    expect(await price()).toBe(1);
    await session.abortTransaction();
    await session.endSession();
    expect(await price()).toBe(1);
  });

  it('others read from the cache until it commits, and see it then', async () => {
    const session = await shop.connection.startSession();
    session.startTransaction();
    await shop.Product.updateOne({ _id: id }, { price: 2 }, { session });
    expect(await shop.readsOf(price)).toBe(0);
    await session.commitTransaction();
    expect(await price()).toBe(2);
    await session.endSession();
  });

  it('one that aborts invalidates nothing', async () => {
    const session = await shop.connection.startSession();
    session.startTransaction();
    await shop.Product.updateOne({ _id: id }, { price: 2 }, { session });
    await session.abortTransaction();
    expect(await shop.readsOf(price)).toBe(0);
    // Nor does the next one on that session, for what the first one did.
    session.startTransaction();
    await shop.Supplier.create([{ name: 'Hortus' }], { session });
    await session.commitTransaction();
    expect(await shop.readsOf(price)).toBe(0);
    await session.endSession();
  });

  it('one that is ended without a word is aborted', async () => {
    const session = await shop.connection.startSession();
    session.startTransaction();
    await shop.Product.updateOne({ _id: id }, { price: 2 }, { session });
    await session.endSession();
    expect(await shop.readsOf(price)).toBe(0);
  });

  it.each<
    [string, (change: (session: mongoose.mongo.ClientSession) => Promise<unknown>) => Promise<unknown>]
  >([
    ['connection.transaction', (change) => shop.connection.transaction(change)],
    [
      'session.withTransaction',
      async (change) => {
        const session = await shop.connection.startSession();
        await session.withTransaction(() => change(session));
        await session.endSession();
      },
    ],
    [
      'withSession of the driver',
      (change) =>
        shop.connection.getClient().withSession((session) => session.withTransaction(() => change(session))),
    ],
  ])('%s', async (_, run) => {
    let attempts = 0;
    await run(async (session) => {
      attempts += 1;
      const rose = await shop.Product.findById(id).session(session).orFail().cache();
      rose.price = 2;
      await rose.save({ session });
      if (attempts === 1) {
        throw new mongoose.mongo.MongoServerError({
          message: 'try again',
          errorLabels: ['TransientTransactionError'],
        });
      }
    });
    expect(attempts).toBe(2);
    expect(await price()).toBe(2);
  });

  it('a bulk write inside one', async () => {
    await shop.connection.transaction(async (session) => {
      await shop.Product.bulkWrite([{ updateOne: { filter: { _id: id }, update: { price: 2 } } }], {
        session,
      });
      expect(await shop.readsOf(price)).toBe(0);
    });
    expect(await price()).toBe(2);
  });

  it('transactionAsyncLocalStorage: the session comes by itself, and is seen', async () => {
    const base = new mongoose.Mongoose({ transactionAsyncLocalStorage: true });
    const plugin = new MongooseCachePlugin(shop.cache);
    plugin.attach(base);
    try {
      await base.connect(shop.uri);
      const Product = base.model('Product', productSchema());
      const ask = () => Product.findById(id).lean().cache();
      await ask();
      await base.connection.transaction(async () => {
        await Product.updateOne({ _id: id }, { price: 2 });
        expect((await ask())?.price).toBe(2);
        expect(await price()).toBe(1);
      });
      expect((await ask())?.price).toBe(2);
      expect(await price()).toBe(2);
    } finally {
      plugin.detach();
      await base.disconnect();
    }
  });

  it('a session without a transaction uses the cache, and its writes invalidate at once', async () => {
    const session = await shop.connection.startSession({ causalConsistency: true });
    const ask = () => shop.Product.findById(id).session(session).lean().cache();
    expect(await shop.readsOf(ask)).toBe(0);
    await shop.Product.updateOne({ _id: id }, { price: 2 }, { session });
    expect((await ask())?.price).toBe(2);
    await session.endSession();
  });
});
