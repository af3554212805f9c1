import assert from 'node:assert/strict';
import type { Case, Group } from './case.js';
import { pause, soon, type Place } from './place.js';

type Id = ReturnType<Place['id']>;
type Price = (at: Place, id: Id) => Promise<unknown>;

const planted = async (at: Place) => {
  const [rose] = await at.Product.insertMany([{ name: 'Rose', price: 1 }]);
  return rose?._id as unknown as Id;
};
const byId: Price = async (at, id) => (await at.ask(at.Product.findById(id).lean()))?.price;
const byFilter: Price = async (at) => (await at.ask(at.Product.find({ name: 'Rose' })))[0]?.get('price');
const byPipeline: Price = async (at) =>
  (await at.ask(at.Product.aggregate([{ $match: { name: 'Rose' } }])))[0]?.price;

/** A read that takes long: it has been answered by the server, the answer is under way. */
const slowly = async (at: Place, command: string, read: () => Promise<unknown>) => {
  const sent = at.servers.mongo.next(command);
  const slow = read();
  slow.catch(() => {});
  const answer = await sent;
  await pause(100);
  return { slow, answer };
};

const staleSet = (name: string, command: string, price: Price): Case => ({
  name: `a slow read that began before a write is not served after it: ${name}`,
  run: async (at) => {
    const id = await planted(at);
    const { slow, answer } = await slowly(at, command, () => price(at, id));
    await at.after(() => at.Product.updateOne({ _id: id }, { price: 2 }));
    answer.release();
    await slow;
    assert.equal(await price(at, id), 2);
  },
});

export const races: Group = {
  name: 'reads and writes at the same time',
  cases: [
    staleSet('findById', 'find', byId),
    staleSet('find', 'find', byFilter),
    staleSet('aggregate', 'aggregate', byPipeline),
    {
      name: 'a slow read that began before an insert does not leave its null',
      run: async (at) => {
        const id = at.id();
        const ask = () => at.ask(at.Product.findById(id));
        const { slow, answer } = await slowly(at, 'find', ask);
        await at.after(() => at.Product.create({ _id: id, name: 'Rose' }));
        answer.release();
        await slow;
        assert.ok(await ask());
      },
    },
    {
      name: 'a slow read that began before a transaction was committed is not served after it',
      run: async (at) => {
        const id = await planted(at);
        await at.Product.createCollection();
        const { slow, answer } = await slowly(at, 'find', () => byId(at, id));
        await at.connection.transaction((session) =>
          at.Product.updateOne({ _id: id }, { price: 2 }, { session }).exec(),
        );
        await at.cache.settle();
        answer.release();
        await slow;
        assert.equal(await byId(at, id), 2);
      },
    },
    {
      name: 'a slow read that began before a write of another process is not served long after it',
      run: async (at) => {
        const id = await planted(at);
        const elsewhere = await at.elsewhere();
        const { slow, answer } = await slowly(at, 'find', () => byId(at, id));
        await elsewhere.run({ model: 'Product', method: 'updateMany', args: [{}, { price: 2 }] });
        answer.release();
        await slow;
        await soon(async () => (await byId(at, id)) === 2, 'the write is seen');
      },
    },
    {
      name: 'a read between the beginning of a write and its end leaves nothing old',
      run: async (at) => {
        const id = await planted(at);
        const held = at.servers.mongo.before('update');
        const writing = at.Product.updateOne({ _id: id }, { price: 2 }).exec();
        const update = await held;
        assert.equal(await byId(at, id), 1);
        update.release();
        await writing;
        await at.cache.settle();
        assert.equal(await byId(at, id), 2);
      },
    },
    {
      name: 'a read between the beginning of a save and its end leaves nothing old',
      run: async (at) => {
        const id = await planted(at);
        const rose = await at.Product.findById(id).orFail();
        const held = at.servers.mongo.before('update');
        const saving = rose.set('price', 2).save();
        const update = await held;
        assert.equal(await byFilter(at, id), 1);
        update.release();
        await saving;
        await at.cache.settle();
        assert.equal(await byFilter(at, id), 2);
      },
    },
    {
      name: 'a read while the acknowledgement of a write is under way leaves nothing old',
      run: async (at) => {
        const id = await planted(at);
        await byId(at, id);
        const sent = at.servers.mongo.next('update');
        const writing = at.Product.updateOne({ _id: id }, { price: 2 }).exec();
        const answer = await sent;
        await byId(at, id); // old or new: nobody knows yet
        answer.release();
        await writing;
        await at.cache.settle();
        assert.equal(await byId(at, id), 2);
      },
    },
    {
      name: 'a write is seen as soon as it is acknowledged',
      run: async (at) => {
        const id = await planted(at);
        for (let price = 2; price < 30; price += 1) {
          await at.Product.updateOne({ _id: id }, { price });
          assert.equal(await byId(at, id), price);
          assert.equal(await byFilter(at, id), price);
        }
      },
    },
    {
      name: 'a reader that comes after a write does not join a read that began before it',
      run: async (at) => {
        const id = await planted(at);
        const { slow, answer } = await slowly(at, 'find', () => byId(at, id));
        await at.after(() => at.Product.updateOne({ _id: id }, { price: 2 }));
        const after = byId(at, id);
        await pause(100);
        answer.release();
        await slow;
        assert.equal(await after, 2);
      },
    },
    {
      name: 'a slow read that began before everything was cleared is not served after it',
      needs: ['clearAll'],
      run: async (at) => {
        const id = await planted(at);
        const { slow, answer } = await slowly(at, 'find', () => byId(at, id));
        await at.connection.db!.command({ ping: 1 });
        await at.cache.clearAll();
        answer.release();
        await slow;
        assert.equal(await at.reads(() => byId(at, id)), 1);
      },
    },
    {
      name: 'reads at once are one read of the database',
      run: async (at) => {
        const id = await planted(at);
        await at.ask(at.Supplier.find());
        const ask = () => Promise.all(Array.from({ length: 50 }, () => byId(at, id)));
        assert.equal(await at.reads(ask), 1);
      },
    },
    {
      name: 'aggregates at once are one read of the database',
      run: async (at) => {
        const id = await planted(at);
        const ask = () => Promise.all(Array.from({ length: 50 }, () => byPipeline(at, id)));
        assert.equal(await at.reads(ask), 1);
      },
    },
    {
      name: 'reads at once in two processes are one read of the database',
      run: async (at) => {
        const id = await planted(at);
        const elsewhere = await at.elsewhere();
        const order = {
          model: 'Product',
          method: 'findById',
          args: [String(id)],
          cached: true,
          lean: true,
        } as const;
        const { slow, answer } = await slowly(at, 'find', () => byId(at, id));
        const there = elsewhere.run({ ...order, times: 20 });
        const here = Promise.all(Array.from({ length: 20 }, () => byId(at, id)));
        await pause(300);
        answer.release();
        await Promise.all([slow, here]);
        const { reads, answers } = await there;
        assert.equal(answers.length, 20);
        assert.equal(reads, 0);
      },
    },
    {
      name: '1,000 cold reads at once in four processes are one read of the database',
      run: async (at) => {
        const others = await Promise.all([at.elsewhere(), at.elsewhere(), at.elsewhere()]);
        for (let round = 0; round < 3; round += 1) {
          const id = await planted(at);
          const order = { model: 'Product', method: 'findById', args: [String(id)], lean: true } as const;
          const here = at.reads(async () => {
            const prices = await Promise.all(Array.from({ length: 250 }, () => byId(at, id)));
            assert.deepEqual(new Set(prices), new Set([1]));
          });
          const there = others.map((one) => one.run({ ...order, cached: true, times: 250 }));
          const reports = await Promise.all(there);
          for (const { answers } of reports) assert.equal(answers.length, 250);
          assert.equal(
            reports.reduce((sum, { reads }) => sum + reads, await here),
            1,
          );
        }
      },
    },
    {
      name: 'what one process has read, another one has',
      run: async (at) => {
        const id = await planted(at);
        const elsewhere = await at.elsewhere();
        await byId(at, id);
        const order = {
          model: 'Product',
          method: 'findById',
          args: [String(id)],
          cached: true,
          lean: true,
        } as const;
        assert.equal((await elsewhere.run(order)).reads, 0);
      },
    },
    {
      name: 'a read that is lost costs those who wait for it nothing but time',
      run: async (at) => {
        const id = await planted(at);
        const { slow, answer } = await slowly(at, 'find', () => byId(at, id));
        const others = Array.from({ length: 5 }, () => byId(at, id));
        await pause(50);
        answer.lose();
        await slow.catch(() => {});
        assert.deepEqual(await Promise.all(others), [1, 1, 1, 1, 1]);
        assert.equal(await byId(at, id), 1);
      },
    },
    {
      name: 'a read that fails fails its own caller only',
      run: async (at) => {
        await planted(at);
        const price = async (maxTime: number) =>
          (await at.ask(at.Product.find({ name: 'Rose' }).maxTimeMS(maxTime)))[0]?.get('price') as unknown;
        const { slow, answer } = await slowly(at, 'find', () => price(60_000));
        const other = price(50_000);
        answer.lose();
        await slow.catch(() => {});
        assert.equal(await other, 1);
      },
    },
    {
      name: 'many writers and readers: what is read is never older than a write that was acknowledged',
      run: async (at) => {
        const id = await planted(at);
        const written = { finished: 1 };
        const writer = async () => {
          for (let price = 2; price <= 60; price += 1) {
            await at.Product.updateOne({ _id: id }, { price });
            await at.cache.settle();
            written.finished = price;
          }
        };
        const reader = async (price: Price) => {
          while (written.finished < 60) {
            await new Promise(setImmediate);
            const atLeast = written.finished;
            const read = await price(at, id);
            assert.ok(Number(read) >= atLeast, `${String(read)}, when ${atLeast} had been written`);
          }
        };
        await Promise.all([writer(), ...[byId, byFilter, byPipeline, byId].map(reader)]);
        assert.equal(await byId(at, id), 60);
      },
    },
    {
      name: 'writes at once: the last state is what is read',
      run: async (at) => {
        const id = await planted(at);
        const add = () => at.Product.updateOne({ _id: id }, { $inc: { price: 1 } }).exec();
        const work = Array.from({ length: 40 }, (_, nth) => (nth % 2 === 0 ? add() : byId(at, id)));
        await at.after(() => Promise.all(work));
        assert.equal(await byId(at, id), 21);
        assert.equal(await byFilter(at, id), 21);
      },
    },
  ],
};
