import assert from 'node:assert/strict';
import type { Group } from './case.js';
import { pause, soon, type Place } from './place.js';

const planted = async (at: Place) => {
  await at.Product.insertMany([
    { name: 'Rose', category: 'bouquets' },
    { name: 'Fern', category: 'plants' },
  ]);
  await at.Supplier.insertMany([{ name: 'Hortus' }]);
};
const page = (at: Place) => at.ask(at.Product.find({ category: 'bouquets' }), { key: 'page' });
const all = (at: Place) => at.ask(at.Product.find());
const suppliers = (at: Place) => at.ask(at.Supplier.find());

export const control: Group = {
  name: 'control',
  cases: [
    {
      name: 'a key of one’s own names an entry',
      needs: ['key'],
      run: async (at) => {
        await planted(at);
        await page(at);
        assert.equal(await at.reads(async () => assert.equal((await page(at))[0]?.get('name'), 'Rose')), 0);
      },
    },
    {
      name: 'an aggregate under a key',
      needs: ['key'],
      run: async (at) => {
        await planted(at);
        const ask = () => at.ask(at.Product.aggregate([{ $count: 'n' }]), { key: 'count' });
        await ask();
        assert.equal(await at.reads(async () => assert.deepEqual(await ask(), [{ n: 2 }])), 0);
      },
    },
    {
      name: 'null, 0 and [] under a key',
      needs: ['key'],
      run: async (at) => {
        const asks = [
          () => at.ask(at.Product.findOne(), { key: 'one' }),
          () => at.ask(at.Product.countDocuments(), { key: 'count' }),
          () => at.ask(at.Product.find(), { key: 'all' }),
        ];
        for (const [nth, ask] of asks.entries()) {
          await ask();
          assert.equal(await at.reads(async () => assert.deepEqual(await ask(), [null, 0, []][nth])), 0);
        }
      },
    },
    {
      name: 'what has a key goes with a write, too',
      needs: ['key'],
      run: async (at) => {
        await planted(at);
        await page(at);
        await at.after(() => at.Product.create({ name: 'Tulip', category: 'bouquets' }));
        assert.equal((await page(at)).length, 2);
      },
    },
    {
      name: 'clearing a key',
      needs: ['key', 'clearKey'],
      run: async (at) => {
        await planted(at);
        await page(at);
        await all(at);
        await at.cache.clearKey('page');
        assert.equal(await at.reads(() => page(at)), 1);
        assert.equal(await at.reads(() => all(at)), 0);
      },
    },
    {
      name: 'clearing a key that is not there',
      needs: ['clearKey'],
      run: async (at) => {
        await planted(at);
        await all(at);
        await at.cache.clearKey('page');
        assert.equal(await at.reads(() => all(at)), 0);
      },
    },
    {
      name: 'clearing a model: all its queries and aggregates, and no others',
      needs: ['clearModel'],
      run: async (at) => {
        await planted(at);
        const count = () => at.ask(at.Product.countDocuments());
        const grouped = () => at.ask(at.Product.aggregate([{ $count: 'n' }]));
        await Promise.all([all(at), count(), grouped(), suppliers(at)]);
        await at.cache.settle();
        await at.cache.clearModel(at.Product);
        assert.equal(await at.reads(() => all(at)), 1);
        assert.equal(await at.reads(count), 1);
        assert.equal(await at.reads(grouped), 1);
        assert.equal(await at.reads(() => suppliers(at)), 0);
      },
    },
    {
      name: 'clearing a model: what is kept under keys, too',
      needs: ['clearModel', 'key'],
      run: async (at) => {
        await planted(at);
        await page(at);
        await at.cache.settle();
        await at.cache.clearModel(at.Product);
        assert.equal(await at.reads(() => page(at)), 1);
      },
    },
    {
      name: 'clearing the base of a model clears its children',
      needs: ['clearModel'],
      run: async (at) => {
        const Plant = at.model('Plant', at.schema({ name: String }, { discriminatorKey: 'kind' }));
        const Tree = Plant.discriminator('Tree', at.schema({ height: Number }));
        await Tree.create({ name: 'Oak' });
        const trees = () => at.ask(Tree.find());
        await trees();
        await at.cache.settle();
        await at.cache.clearModel(Plant as never);
        assert.equal(await at.reads(trees), 1);
      },
    },
    {
      name: 'clearing by a pattern',
      needs: ['clearPattern', 'key'],
      run: async (at) => {
        await planted(at);
        const other = () => at.ask(at.Product.find(), { key: 'other' });
        await Promise.all([page(at), other(), all(at)]);
        await at.cache.clearPattern('pa*');
        assert.equal(await at.reads(() => page(at)), 1);
        assert.equal(await at.reads(other), 0);
        assert.equal(await at.reads(() => all(at)), 0);
      },
    },
    {
      name: 'clearing everything',
      needs: ['clearAll'],
      run: async (at) => {
        await planted(at);
        const grouped = () => at.ask(at.Product.aggregate([{ $count: 'n' }]));
        const asks = [() => all(at), () => suppliers(at), () => page(at), grouped];
        for (const ask of asks) await ask();
        await at.cache.clearAll();
        for (const ask of asks) assert.equal(await at.reads(ask), 1);
        for (const ask of asks) assert.equal(await at.reads(ask), 0);
      },
    },
    {
      name: 'clearing everything leaves what others keep in this Redis',
      needs: ['clearAll'],
      run: async (at) => {
        await planted(at);
        await all(at);
        await at.withRedis((redis) => redis.set('of-somebody-else', 'stays', { EX: 60 }));
        await at.cache.clearAll();
        assert.equal(await at.withRedis((redis) => redis.get('of-somebody-else')), 'stays');
      },
    },
    {
      name: 'clearing reaches other processes',
      needs: ['clearAll'],
      run: async (at) => {
        await planted(at);
        const elsewhere = await at.elsewhere();
        const order = { model: 'Product', method: 'find', args: [{}], cached: true } as const;
        await elsewhere.run(order);
        assert.equal((await elsewhere.run(order)).reads, 0);
        await at.cache.clearAll();
        await soon(async () => (await elsewhere.run(order)).reads === 1, 'it is asked again');
      },
    },
    {
      name: 'tags of one’s own',
      needs: ['tags', 'clearTags'],
      run: async (at) => {
        await planted(at);
        const front = () => at.ask(at.Product.find(), { tags: ['front'] });
        const grouped = () => at.ask(at.Product.aggregate([{ $count: 'n' }]), { tags: ['front', 'counts'] });
        await Promise.all([front(), grouped(), suppliers(at)]);
        await at.cache.clearTags('back');
        assert.equal(await at.reads(front), 0);
        await at.cache.clearTags('counts');
        assert.equal(await at.reads(grouped), 1);
        assert.equal(await at.reads(front), 0);
        await at.cache.clearTags('front');
        assert.equal(await at.reads(front), 1);
        assert.equal(await at.reads(grouped), 1);
        assert.equal(await at.reads(() => suppliers(at)), 0);
      },
    },
    {
      name: 'ttl: until then, and no longer',
      run: async (at) => {
        await planted(at);
        const ask = () => at.ask(at.Product.find(), { ttl: 2 });
        await ask();
        assert.equal(await at.reads(ask), 0);
        await pause(2_300);
        assert.equal(await at.reads(ask), 1);
      },
    },
    {
      name: 'ttl of an aggregate',
      run: async (at) => {
        await planted(at);
        const ask = () => at.ask(at.Product.aggregate([{ $count: 'n' }]), { ttl: 2 });
        await ask();
        assert.equal(await at.reads(ask), 0);
        await pause(2_300);
        assert.equal(await at.reads(ask), 1);
      },
    },
    {
      name: 'ttl: 0 is not cached',
      needs: ['ttl 0'],
      run: async (at) => {
        await planted(at);
        const ask = () => at.ask(at.Product.find(), { ttl: 0 });
        await ask();
        assert.equal(await at.reads(ask), 1);
      },
    },
    {
      name: 'staleTtl: the old answer at once, the new one soon',
      needs: ['staleTtl'],
      run: async (at) => {
        await planted(at);
        const ask = () => at.ask(at.Product.countDocuments(), { ttl: 1, staleTtl: 60 });
        assert.equal(await ask(), 2);
        await pause(1_200);
        await at.Product.collection.estimatedDocumentCount();
        const held = at.servers.mongo.next('aggregate');
        assert.equal(await ask(), 2); // while the database has yet to answer
        (await held).release();
        await soon(async () => (await at.reads(ask)) === 0, 'it is fresh again');
      },
    },
    {
      name: 'staleTtl: not after a write',
      needs: ['staleTtl'],
      run: async (at) => {
        await planted(at);
        const ask = () => at.ask(at.Product.countDocuments(), { ttl: 1, staleTtl: 60 });
        assert.equal(await ask(), 2);
        await at.after(() => at.Product.create({ name: 'Oak' }));
        assert.equal(await ask(), 3);
        await pause(1_200);
        await at.after(() => at.Product.create({ name: 'Elm' }));
        assert.equal(await ask(), 4);
      },
    },
    {
      name: 'false takes the mark back',
      needs: ['false'],
      run: async (at) => {
        await planted(at);
        await all(at);
        assert.equal(await at.reads(() => at.ask(at.Product.find(), false)), 1);
        const twice = () => at.cache.mark(at.cache.mark(at.Product.find()), false).exec();
        assert.equal(await at.reads(twice), 1);
      },
    },
  ],
};
