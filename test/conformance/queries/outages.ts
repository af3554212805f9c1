import assert from 'node:assert/strict';
import type { Case, Group } from './case.js';
import { pause, soon, type Place } from './place.js';

type Id = ReturnType<Place['id']>;

const planted = async (at: Place) => {
  const [rose] = await at.Product.insertMany([{ name: 'Rose', price: 1 }]);
  const id = rose?._id as unknown as Id;
  const price = async () => (await at.ask(at.Product.findById(id).lean()))?.price as unknown;
  const count = () => at.ask(at.Product.countDocuments());
  assert.equal(await price(), 1);
  assert.equal(await count(), 1);
  return { id, price, count };
};

/** Longer than any deadline of a cache should be. */
const LONGEST = 4_000;
const inTime = async <T>(work: Promise<T>, what: string): Promise<T> => {
  const late = new AbortController();
  const over = pause(LONGEST).then(() => {
    if (!late.signal.aborted) throw new Error(`no answer in ${LONGEST} ms: ${what}`);
    return work;
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    late.abort();
    over.catch(() => {});
  }
};

const away = (at: Place) => {
  at.servers.redis.aim(1); // nobody is there
  at.servers.redis.cut();
};
const back = (at: Place) => at.servers.redis.aim(at.redisPort);

const during = (name: string, begin: (at: Place) => void, end: (at: Place) => void): Case[] => [
  {
    name: `${name}: reads and writes go on, and are right`,
    run: async (at) => {
      const { id, price, count } = await planted(at);
      begin(at);
      try {
        for (let next = 2; next < 6; next += 1) {
          await inTime(at.Product.updateOne({ _id: id }, { price: next }).exec(), 'a write');
          assert.equal(await inTime(price(), 'a read'), next);
        }
        await inTime(at.Product.create({ name: 'Fern' }), 'a write');
        assert.equal(await inTime(count(), 'a read'), 2);
      } finally {
        end(at);
      }
    },
  },
  {
    name: `${name}: what was not cached before is read as well`,
    run: async (at) => {
      await planted(at);
      begin(at);
      try {
        assert.equal(await inTime(at.ask(at.Product.countDocuments()), 'a count'), 1);
        assert.equal((await inTime(at.ask(at.Product.find()), 'a find')).length, 1);
        assert.equal(
          (await inTime(at.ask(at.Product.aggregate([{ $match: {} }])), 'an aggregate')).length,
          1,
        );
      } finally {
        end(at);
      }
    },
  },
  {
    name: `${name}: what was written meanwhile is seen when it is over, and reads are cached again`,
    run: async (at) => {
      const { id, price } = await planted(at);
      begin(at);
      try {
        await inTime(at.Product.updateOne({ _id: id }, { price: 2 }).exec(), 'a write');
      } finally {
        end(at);
      }
      for (let nth = 0; nth < 20; nth += 1) {
        assert.equal(await inTime(price(), 'a read'), 2);
        await pause(50);
      }
      let reads = 1;
      for (const until = Date.now() + 10_000; reads > 0 && Date.now() < until; await pause(50))
        reads = await at.reads(price);
      assert.equal(reads, 0, 'cached again');
    },
  },
];

const damaged = (name: string, change: (value: Buffer) => Buffer | undefined): Case => ({
  name,
  run: async (at) => {
    const { id, price, count } = await planted(at);
    await soon(async () => (await at.eachStored((value) => value)) > 0, 'something is stored');
    await at.eachStored(change);
    const elsewhere = await at.elsewhere();
    const order = {
      model: 'Product',
      method: 'findById',
      args: [String(id)],
      cached: true,
      lean: true,
    } as const;
    assert.equal(((await elsewhere.run(order)).answers[0] as { price: number }).price, 1);
    assert.equal(await price(), 1);
    assert.equal(await count(), 1);
    await at.after(() => at.Product.updateOne({ _id: id }, { price: 2 }));
    assert.equal(await price(), 2);
    await soon(
      async () => ((await elsewhere.run(order)).answers[0] as { price: number }).price === 2,
      'the write is seen',
    );
  },
});

export const outages: Group = {
  name: 'Redis fails',
  cases: [
    ...during('away', away, back),
    ...during(
      'frozen',
      (at) => at.servers.redis.hold(),
      (at) => at.servers.redis.release(),
    ),
    damaged('what it holds is lost', () => undefined),
    damaged('entries are rubbish', () => Buffer.from('rubbish')),
    damaged('entries are cut off', (value) => value.subarray(0, Math.floor(value.length / 2))),
    damaged('entries are empty', () => Buffer.alloc(0)),
  ],
};
