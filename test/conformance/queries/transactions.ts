import assert from 'node:assert/strict';
import type { Case, Group } from './case.js';
import type { Place } from './place.js';

type Session = Awaited<ReturnType<Place['connection']['startSession']>>;
type Id = ReturnType<Place['id']>;

const prepared = async (at: Place) => {
  const [rose] = await at.Product.insertMany([{ name: 'Rose', price: 1 }]);
  await at.Supplier.createCollection();
  const id = rose?._id as unknown as Id;
  /** What others read, in every form. */
  const prices = async () =>
    JSON.stringify([
      (await at.ask(at.Product.findById(id).lean()))?.price,
      (await at.ask(at.Product.find({ name: 'Rose' }))).map((one) => one.get('price') as unknown),
      (await at.ask(at.Product.aggregate<{ price: number }>([{ $match: { name: 'Rose' } }])))[0]?.price,
      await at.ask(at.Product.countDocuments({ price: 2 })),
    ]);
  await prices();
  return { id, prices };
};
const BEFORE = '[1,[1],1,0]';
const AFTER = '[2,[2],2,1]';

const inSession = async (at: Place, work: (session: Session) => Promise<unknown>) => {
  const session = await at.connection.startSession();
  try {
    await work(session);
  } finally {
    await session.endSession();
  }
};

const update = (at: Place, id: Id, session: Session) =>
  at.Product.updateOne({ _id: id }, { price: 2 }, { session });

/** Others see the old value while the transaction runs, and the new one when it is committed. */
const committed = (
  name: string,
  run: (at: Place, change: (session: Session) => Promise<unknown>) => Promise<unknown>,
  write: (at: Place, id: Id, session: Session) => PromiseLike<unknown> = update,
): Case => ({
  name,
  run: async (at) => {
    const { id, prices } = await prepared(at);
    await run(at, async (session) => {
      await write(at, id, session);
      await at.cache.settle();
      assert.equal(await at.asOthers(prices), BEFORE);
    });
    await at.cache.settle();
    assert.equal(await prices(), AFTER);
  },
});

const byHand = (at: Place, change: (session: Session) => Promise<unknown>) =>
  inSession(at, async (session) => {
    session.startTransaction();
    await change(session);
    await session.commitTransaction();
  });
const withTransaction = (at: Place, change: (session: Session) => Promise<unknown>) =>
  inSession(at, (session) => session.withTransaction(() => change(session)));

export const transactions: Group = {
  name: 'transactions and sessions',
  cases: [
    committed('startTransaction and commitTransaction by hand', byHand),
    committed('session.withTransaction', withTransaction),
    committed('connection.transaction', (at, change) => at.connection.transaction(change)),
    committed('withSession of the driver', (at, change) =>
      at.connection.getClient().withSession((session) => session.withTransaction(() => change(session))),
    ),
    committed('transactionAsyncLocalStorage', async (at, change) => {
      at.mongoose.set('transactionAsyncLocalStorage', true);
      await at.connection.transaction((session) => change(session));
    }),
    committed('save of a document', byHand, async (at, id, session) => {
      const rose = await at.Product.findById(id).session(session).orFail();
      await rose.set('price', 2).save();
    }),
    committed('save of a document that was answered from the cache', byHand, async (at, id, session) => {
      const rose = await at.ask(at.Product.findById(id).orFail());
      await rose.set('price', 2).save({ session });
    }),
    committed('findOneAndUpdate', byHand, (at, _id, session) =>
      at.Product.findOneAndUpdate({ _id }, { price: 2 }, { session }),
    ),
    committed('bulkWrite', byHand, (at, _id, session) =>
      at.Product.bulkWrite([{ updateOne: { filter: { _id }, update: { price: 2 } } }], { session }),
    ),
    committed('a write of the driver', byHand, (at, _id, session) =>
      at.connection.db!.collection('products').updateOne({ _id }, { $set: { price: 2 } }, { session }),
    ),
    committed('a commit the acknowledgement of which is lost', async (at, change) =>
      inSession(at, async (session) => {
        session.startTransaction();
        await change(session);
        const sent = at.servers.mongo.next('commitTransaction');
        const committing = session.commitTransaction();
        (await sent).lose();
        await committing; // the driver sends it again
      }),
    ),
    committed('one that is tried again', async (at, change) => {
      let attempts = 0;
      await at.connection.transaction(async (session) => {
        await change(session);
        if ((attempts += 1) > 1) return;
        throw new at.mongoose.mongo.MongoServerError({
          message: 'try again',
          errorLabels: ['TransientTransactionError'],
        });
      });
      assert.equal(attempts, 2);
    }),
    {
      name: 'documents that are created and deleted',
      run: async (at) => {
        const { id } = await prepared(at);
        const names = async () => (await at.ask(at.Product.find().lean())).map(({ name }) => name as unknown);
        assert.deepEqual(await names(), ['Rose']);
        await at.connection.transaction(async (session) => {
          await at.Product.create([{ name: 'Fern' }], { session });
          await at.Product.deleteOne({ _id: id }, { session });
          assert.deepEqual(await at.asOthers(names), ['Rose']);
        });
        await at.cache.settle();
        assert.deepEqual(await names(), ['Fern']);
      },
    },
    {
      name: 'two models in one',
      run: async (at) => {
        const { prices, id } = await prepared(at);
        const suppliers = () => at.ask(at.Supplier.countDocuments({ name: 'Hortus' }));
        assert.equal(await suppliers(), 0);
        await at.connection.transaction(async (session) => {
          await update(at, id, session);
          await at.Supplier.create([{ name: 'Hortus' }], { session });
        });
        await at.cache.settle();
        assert.equal(await suppliers(), 1);
        assert.equal(await prices(), AFTER);
      },
    },
    {
      name: 'reads inside see what it wrote, and what they see is not cached',
      run: async (at) => {
        const { id, prices } = await prepared(at);
        await inSession(at, async (session) => {
          session.startTransaction();
          await update(at, id, session);
          for (const _ of [1, 2]) {
            assert.equal((await at.ask(at.Product.findById(id).session(session).lean()))?.price, 2);
            assert.equal((await at.ask(at.Product.find({ price: 2 }).session(session))).length, 1);
            assert.equal(await at.ask(at.Product.countDocuments({ price: 2 }).session(session)), 1);
            const pipeline = at.Product.aggregate([{ $match: { price: 2 } }]).session(session);
            assert.equal((await at.ask(pipeline)).length, 1);
          }
          assert.equal(await prices(), BEFORE);
          await session.abortTransaction();
        });
        assert.equal(await prices(), BEFORE);
      },
    },
    {
      name: 'reads inside are not answered with what was cached before it began',
      run: async (at) => {
        const { id } = await prepared(at);
        await at.ask(at.Product.findById(id).lean());
        await at.connection.transaction(async (session) => {
          await update(at, id, session);
          assert.equal((await at.ask(at.Product.findById(id).session(session).lean()))?.price, 2);
        });
      },
    },
    {
      name: 'transactionAsyncLocalStorage: reads inside need not name the session',
      run: async (at) => {
        at.mongoose.set('transactionAsyncLocalStorage', true);
        const { id, prices } = await prepared(at);
        await at.connection.transaction(async () => {
          await at.Product.updateOne({ _id: id }, { price: 2 });
          assert.equal(await prices(), AFTER);
          assert.equal(await at.asOthers(prices), BEFORE);
        });
        await at.cache.settle();
        assert.equal(await prices(), AFTER);
      },
    },
    {
      name: 'populate inside',
      run: async (at) => {
        const { id } = await prepared(at);
        const [hortus] = await at.Supplier.insertMany([{ name: 'Hortus' }]);
        await at.Product.updateOne({ _id: id }, { supplier: hortus?._id });
        const name = async (session: Session | null) => {
          const rose = await at.ask(at.Product.findById(id).session(session).populate('supplier').orFail());
          return (rose.get('supplier') as { name: string }).name;
        };
        assert.equal(await name(null), 'Hortus');
        await at.connection.transaction(async (session) => {
          await at.Supplier.updateOne({ _id: hortus?._id }, { name: 'Flora' }, { session });
          assert.equal(await name(session), 'Flora');
          assert.equal(await at.asOthers(() => name(null)), 'Hortus');
        });
        await at.cache.settle();
        assert.equal(await name(null), 'Flora');
      },
    },
    {
      name: 'an abort changes nothing',
      run: async (at) => {
        const { id, prices } = await prepared(at);
        await inSession(at, async (session) => {
          session.startTransaction();
          await update(at, id, session);
          await session.abortTransaction();
        });
        assert.equal(await at.reads(async () => assert.equal(await prices(), BEFORE)), 0);
      },
    },
    {
      name: 'an abort, and then another one on that session: only what was committed is read anew',
      run: async (at) => {
        const { id, prices } = await prepared(at);
        await inSession(at, async (session) => {
          session.startTransaction();
          await update(at, id, session);
          await session.abortTransaction();
          session.startTransaction();
          await at.Supplier.create([{ name: 'Hortus' }], { session });
          await session.commitTransaction();
        });
        await at.cache.settle();
        assert.equal(await at.reads(async () => assert.equal(await prices(), BEFORE)), 0);
        assert.equal(await at.ask(at.Supplier.countDocuments()), 1);
      },
    },
    {
      name: 'an error inside changes nothing',
      run: async (at) => {
        const { id, prices } = await prepared(at);
        const failed = at.connection.transaction(async (session) => {
          await update(at, id, session);
          throw new Error('changed my mind');
        });
        await assert.rejects(failed, /changed my mind/);
        assert.equal(await prices(), BEFORE);
        assert.equal(await at.Product.countDocuments({ price: 2 }), 0);
      },
    },
    {
      name: 'one that is ended without a word changes nothing',
      run: async (at) => {
        const { id, prices } = await prepared(at);
        await inSession(at, async (session) => {
          session.startTransaction();
          await update(at, id, session);
        });
        assert.equal(await prices(), BEFORE);
      },
    },
    {
      name: 'a session without a transaction: reads come from the cache, writes are seen at once',
      run: async (at) => {
        const { id, prices } = await prepared(at);
        await inSession(at, async (session) => {
          const ask = () => at.ask(at.Product.findById(id).session(session).lean());
          await ask();
          assert.equal(await at.reads(ask), 0);
          await update(at, id, session);
          await at.cache.settle();
          assert.equal((await ask())?.price, 2);
          assert.equal(await prices(), AFTER);
        });
      },
    },
    {
      name: 'a snapshot shows what was',
      run: async (at) => {
        const { id } = await prepared(at);
        const session = await at.connection.startSession({ snapshot: true, causalConsistency: false });
        const ask = async (session: Session | null) =>
          (await at.ask(at.Product.findById(id).session(session).lean()))?.price as unknown;
        assert.equal(await ask(session), 1);
        await at.after(() => at.Product.updateOne({ _id: id }, { price: 2 }));
        assert.equal(await ask(null), 2);
        assert.equal(await ask(session), 1);
        assert.equal(await ask(null), 2);
        await session.endSession();
      },
    },
  ],
};
