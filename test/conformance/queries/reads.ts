import assert from 'node:assert/strict';
import type { Case, Group } from './case.js';
import { told, type Place } from './place.js';
import type { AnyModel, Askable } from './query-cache.js';
import { seen } from './seen.js';

type Ask = (models: Garden) => Askable<unknown>;

/** Models of every kind, and what they hold. */
export interface Garden {
  at: Place;
  Product: AnyModel;
  Supplier: AnyModel;
  Plant: AnyModel;
  Tree: AnyModel;
  Order: AnyModel;
  Page: AnyModel;
  Fancy: AnyModel;
  rose: unknown;
}

export async function garden(at: Place): Promise<Garden> {
  const { Product, Supplier, Country } = at;
  const Plant = at.model('Plant', at.schema({ name: String }, { discriminatorKey: 'kind' }));
  const Tree = Plant.discriminator('Tree', at.schema({ height: Number })) as unknown as AnyModel;
  const fancy = at.schema(
    {
      name: { type: String, get: (name: string) => `${name}!` },
      labels: { type: Map, of: at.schema({ text: String }) },
      nothing: { type: String, default: 'a default' },
    },
    { timestamps: true, toJSON: { getters: true, virtuals: true } },
  );
  fancy.virtual('loud').get(function () {
    return String(this.get('name')).toUpperCase();
  });
  fancy.virtual('products', { ref: 'Product', localField: '_id', foreignField: 'supplier' });
  fancy.virtual('first', { ref: 'Product', localField: '_id', foreignField: 'supplier', justOne: true });
  fancy.virtual('count', { ref: 'Product', localField: '_id', foreignField: 'supplier', count: true });
  const Fancy = at.model('Fancy', fancy);
  const order = at.schema({
    kind: String,
    subject: { type: at.mongoose.Schema.Types.ObjectId, refPath: 'kind' },
    byName: { type: Map, of: { type: at.mongoose.Schema.Types.ObjectId, ref: 'Supplier' } },
  });
  const Order = at.model('Order', order);
  const part = at.schema({ at: Number }, { discriminatorKey: 'type', _id: false });
  const page = at.schema({ name: String, parts: [part], head: part });
  const text = at.schema({ text: String }, { _id: false });
  const picture = at.schema({ url: String, size: { w: Number, h: Number } }, { _id: false });
  (page.path('parts') as unknown as AnyModel).discriminator('Text', text);
  (page.path('parts') as unknown as AnyModel).discriminator('Picture', picture);
  (page.path('head') as unknown as AnyModel).discriminator('Text', text);
  const Page = at.model('Page', page);

  const [country] = await Country.insertMany([{ name: 'Holland' }]);
  const [hortus, flora] = await Supplier.insertMany([
    { name: 'Hortus', city: 'Leiden', country: country?._id },
    { name: 'Flora', city: 'Delft' },
  ]);
  const [rose] = await Product.insertMany([
    {
      name: 'Rose',
      category: 'bouquets',
      price: 12,
      supplier: hortus?._id,
      suppliers: [hortus?._id, flora?._id],
      sizes: [
        { label: 'S', stems: 5 },
        { label: 'L', stems: 9 },
      ],
      attributes: { colour: 'red' },
      hidden: 'x',
    },
    {
      name: 'Tulip',
      category: 'bouquets',
      price: 0,
      supplier: flora?._id,
      sizes: [{ label: 'S', stems: 1 }],
    },
    { name: 'Fern', category: 'plants', price: 30 },
    { name: 'Moss', category: 'plants', price: 2 },
  ]);
  await Plant.create({ name: 'Moss' });
  await Tree.create({ name: 'Oak', height: 9 });
  await Order.insertMany([
    { kind: 'Product', subject: rose?._id, byName: { main: hortus?._id, other: flora?._id } },
    { kind: 'Supplier', subject: hortus?._id },
  ]);
  await Page.create({
    name: 'start',
    head: { type: 'Text', text: 'head', at: 0 },
    parts: [
      { type: 'Text', text: 'hello', at: 1 },
      { type: 'Picture', url: '/rose.png', size: { w: 3, h: 4 }, at: 2 },
    ],
  });
  await Fancy.insertMany([
    { _id: hortus?._id, name: 'hortus', labels: { a: { text: 'A' }, b: { text: 'B' } } },
  ]);
  await Fancy.collection.insertOne({ name: 'bare' });
  return { at, Product, Supplier, Plant, Tree, Order, Page, Fancy, rose: rose?._id };
}

/** Asked twice, the second time without the database, both answers are as those of a query that is not marked. */
const read = (name: string, ask: Ask): Case => ({
  name,
  run: async (at) => {
    const models = await garden(at);
    const uncached = seen(await ask(models).exec());
    assert.equal(seen(await at.ask(ask(models))), uncached);
    let answer: unknown;
    const reads = await at.reads(async () => (answer = await at.ask(ask(models))));
    assert.equal(reads, 0, 'the second time it is answered from the cache');
    assert.equal(seen(answer), uncached);
  },
});

/** What may be cached or not, and is right in any case, also after a write. */
const right = (name: string, ask: Ask, needs: Case['needs'] = []): Case => ({
  name,
  needs,
  run: async (at) => {
    const models = await garden(at);
    for (const name of ['Elm', 'Ash']) {
      for (const _ of [1, 2]) assert.equal(seen(await at.ask(ask(models))), seen(await ask(models).exec()));
      await at.after(() => models.Product.create({ name, category: 'bouquets', price: 5 }));
    }
  },
});

const PLANTS = { category: 'plants' };
const en = { locale: 'en', strength: 2 } as const;

const gathered = async (all: AsyncIterable<unknown>): Promise<string[]> => {
  const found = [];
  for await (const one of all) found.push((one as { name: string }).name);
  return found.sort();
};

export const reads: Group = {
  name: 'reads',
  cases: [
    read('find', ({ Product }) => Product.find(PLANTS)),
    read('find, lean', ({ Product }) => Product.find(PLANTS).lean()),
    read('find of everything', ({ Product }) => Product.find()),
    read('find of nothing', ({ Product }) => Product.find({ category: 'none' })),
    read('findOne', ({ Product }) => Product.findOne({ name: 'Rose' })),
    read('findOne, lean', ({ Product }) => Product.findOne({ name: 'Rose' }).lean()),
    read('findOne of nothing', ({ Product }) => Product.findOne({ name: 'Oak' })),
    read('findOne of nothing, lean', ({ Product }) => Product.findOne({ name: 'Oak' }).lean()),
    read('findById', ({ Product, rose }) => Product.findById(rose)),
    read('findById, lean', ({ Product, rose }) => Product.findById(rose).lean()),
    read('exists', ({ Product }) => Product.exists({ name: 'Rose' })),
    read('exists of nothing', ({ Product }) => Product.exists({ name: 'Oak' })),
    read('countDocuments', ({ Product }) => Product.countDocuments(PLANTS)),
    read('countDocuments of nothing: 0', ({ Product }) => Product.countDocuments({ category: 'none' })),
    read('estimatedDocumentCount', ({ Product }) => Product.estimatedDocumentCount()),
    read('distinct', ({ Product }) => Product.distinct('category')),
    read('distinct with a filter', ({ Product }) => Product.distinct('name', PLANTS)),
    read('distinct of documents', ({ Product }) => Product.distinct('sizes')),
    read('distinct of nothing', ({ Product }) => Product.distinct('name', { category: 'none' })),
    read('aggregate', ({ Product }) =>
      Product.aggregate([{ $group: { _id: '$category', n: { $sum: 1 } } }, { $sort: { _id: 1 } }]),
    ),
    read('aggregate of nothing', ({ Product }) => Product.aggregate([{ $match: { category: 'none' } }])),
    read('aggregate built by a chain', ({ Product }) =>
      Product.aggregate().match(PLANTS).sort({ name: 1 }).project({ name: 1 }).allowDiskUse(true),
    ),
    read('aggregate with facets', ({ Product }) =>
      Product.aggregate([
        { $facet: { n: [{ $count: 'n' }], names: [{ $sort: { name: 1 } }, { $limit: 2 }] } },
      ]),
    ),
    read('aggregate with a lookup', ({ Product }) =>
      Product.aggregate([
        { $lookup: { from: 'suppliers', localField: 'supplier', foreignField: '_id', as: 'found' } },
        { $sort: { name: 1 } },
      ]),
    ),
    read('select', ({ Product }) => Product.find().select('name price')),
    read('select, to leave out', ({ Product }) => Product.find().select('-sizes -attributes')),
    read('select of what is hidden by default', ({ Product }) => Product.find().select('+hidden')),
    read('select of a part of a list', ({ Product }) => Product.find().slice('sizes', 1)),
    read('select of what matches in a list', ({ Product }) =>
      Product.find({ 'sizes.label': 'L' }, { 'sizes.$': 1, name: 1 }),
    ),
    read('sort, skip and limit', ({ Product }) => Product.find().sort('-price').skip(1).limit(2)),
    read('findOne that is sorted', ({ Product }) => Product.findOne().sort('price')),
    read('collation', ({ Product }) => Product.find({ name: 'rose' }).collation(en)),
    read('hint', ({ Product }) => Product.find(PLANTS).hint({ _id: 1 })),
    read(
      'conditions in a chain',
      ({ Product }) => Product.where('price').gte(1).lte(12).in('name', ['Rose']) as never,
    ),
    read('populate', ({ Product }) => Product.find().populate('supplier')),
    read('populate, lean', ({ Product }) => Product.find().populate('supplier').lean()),
    read('populate of findOne', ({ Product }) => Product.findOne({ name: 'Rose' }).populate('supplier')),
    read('populate of what is not there', ({ Product }) => Product.find(PLANTS).populate('supplier')),
    read('populate with a selection', ({ Product }) => Product.find().populate('supplier', 'name -_id')),
    read('populate, nested', ({ Product }) =>
      Product.find().populate({ path: 'supplier', populate: { path: 'country' } }),
    ),
    read('populate of a list', ({ Product }) => Product.find().populate('suppliers')),
    read('populate of several paths', ({ Product }) => Product.find().populate(['supplier', 'suppliers'])),
    read('populate with a match', ({ Product }) =>
      Product.find().populate({ path: 'suppliers', match: { city: 'Delft' } }),
    ),
    read('populate with options', ({ Product }) =>
      Product.find().populate({ path: 'suppliers', options: { sort: { name: 1 }, limit: 1 } }),
    ),
    read('populate of a virtual', ({ Fancy }) => Fancy.find().populate('products')),
    read('populate of a virtual of one', ({ Fancy }) => Fancy.find().populate('first')),
    read('populate of a virtual that counts', ({ Fancy }) => Fancy.find().populate('count')),
    read('populate by refPath', ({ Order }) => Order.find().populate('subject')),
    read('populate of a map', ({ Order }) => Order.find().populate('byName.$*')),
    read('populate with a transform', ({ Product }) =>
      Product.find()
        .populate({ path: 'supplier', transform: (doc: { name?: string } | null) => doc?.name })
        .lean(),
    ),
    read('discriminators, through their base', ({ Plant }) => Plant.find().sort('name')),
    read('discriminators, through a child', ({ Tree }) => Tree.find()),
    read('discriminators, counted', ({ Tree }) => Tree.countDocuments()),
    read('discriminators, aggregated', ({ Tree }) => Tree.aggregate([{ $count: 'n' }])),
    read('embedded discriminators', ({ Page }) => Page.find()),
    read('embedded discriminators, lean', ({ Page }) => Page.find().lean()),
    read('maps of documents, virtuals, getters, time stamps', ({ Fancy }) => Fancy.find().sort('_id')),
    read('the same, lean', ({ Fancy }) => Fancy.find().sort('_id').lean()),
    read('transform', ({ Product }) =>
      Product.find()
        .sort('name')
        .transform((all) => (all as { name: string }[]).map(({ name }) => name)),
    ),
    read('transform of findOne', ({ Product }) =>
      Product.findOne({ name: 'Rose' }).transform((one) => (one as { name?: string } | null)?.name),
    ),
    read('orFail that finds', ({ Product }) => Product.findOne({ name: 'Rose' }).orFail()),
    read('options that change nothing', ({ Product }) =>
      Product.find().comment('page').maxTimeMS(9_000).batchSize(2).allowDiskUse(true),
    ),
    read('more than one batch', ({ Product }) => Product.find().batchSize(1)),
    {
      name: 'orFail that does not find',
      run: async (at) => {
        const ask = () => at.ask(at.Product.findOne({ name: 'Oak' }).orFail(new Error('no oak')));
        for (const _ of [1, 2]) await assert.rejects(ask(), /no oak/);
      },
    },
    {
      name: 'an error of the database is that of the query, and is not cached',
      run: async (at) => {
        const ask = (n: number) => at.ask(at.Product.aggregate([{ $limit: n }]));
        for (const _ of [1, 2]) await assert.rejects(ask(-1), /limit/);
        assert.deepEqual(await ask(1), []);
      },
    },
    {
      name: 'what can’t be cast is the same error',
      run: async (at) => {
        for (const _ of [1, 2]) await assert.rejects(at.ask(at.Product.find({ price: 'dear' })), /Cast to/);
      },
    },
    {
      name: 'hooks on queries and aggregates run, and change what is asked',
      run: async (at) => {
        const schema = at.schema({ name: String, isGone: Boolean });
        let told = 0;
        const models: unknown[] = [];
        schema.pre(/^(find|count)/, function (this: { where(condition: object): unknown }) {
          told += 1;
          this.where({ isGone: { $ne: true } });
        } as never);
        schema.pre('aggregate', function () {
          models.push(this.model());
          this.pipeline().unshift({ $match: { isGone: { $ne: true } } });
        });
        const Herb = at.model('Herb', schema);
        await Herb.insertMany([{ name: 'mint' }, { name: 'dill', isGone: true }]);
        for (const nth of [1, 2]) {
          assert.equal((await at.ask(Herb.find())).length, 1);
          assert.equal(await at.ask(Herb.countDocuments()), 1);
          assert.equal((await at.ask(Herb.aggregate([{ $match: {} }]))).length, 1);
          assert.equal(told, nth * 2);
          assert.equal(models.at(-1), Herb);
        }
      },
    },
    right('the time in an aggregate', ({ Product }) =>
      Product.aggregate([
        { $match: { $expr: { $lt: [{ $toDate: '$_id' }, '$$NOW'] } } },
        { $sort: { _id: 1 } },
      ]),
    ),
    right('a function of the server', ({ Product }) =>
      Product.find({ $where: 'this.price > 1' }).sort('_id'),
    ),
    right('read preference: a secondary', ({ Product }) =>
      Product.find().read('secondaryPreferred').sort('_id'),
    ),
    right('read preference: the primary', ({ Product }) => Product.find().read('primary').sort('_id')),
    right('read concern', ({ Product }) => Product.find().readConcern('majority').sort('_id')),
    {
      name: 'chance is asked for every time',
      run: async (at) => {
        await at.Product.insertMany(Array.from({ length: 50 }, (_, price) => ({ name: 'Rose', price })));
        const pick = () => at.ask(at.Product.aggregate([{ $sample: { size: 5 } }]));
        assert.notEqual(told(await pick()), told(await pick()));
      },
    },
    {
      name: 'await without exec',
      needs: ['mark'],
      run: async (at) => {
        await at.Product.create({ name: 'Rose' });
        const ask = () => at.cache.mark(at.Product.find({ name: 'Rose' }));
        assert.equal((await ask()).length, 1);
        assert.equal(await at.reads(async () => assert.equal((await ask()).length, 1)), 0);
        const count = () => at.cache.mark(at.Product.aggregate([{ $count: 'n' }]));
        assert.deepEqual(await count(), [{ n: 1 }]);
        assert.equal(await at.reads(async () => assert.deepEqual(await count(), [{ n: 1 }])), 0);
      },
    },
    {
      name: 'what is chained behind the mark counts',
      needs: ['mark'],
      run: async (at) => {
        await at.Product.insertMany([{ name: 'Rose' }, { name: 'Fern' }]);
        const ask = (name: string) => at.cache.mark(at.Product.find()).where({ name }).limit(5).lean();
        for (const name of ['Rose', 'Fern', 'Rose', 'Fern']) {
          const found = (await ask(name)) as { name: string }[];
          assert.deepEqual(
            found.map(({ name }) => name),
            [name],
          );
        }
      },
    },
    {
      name: 'a clone keeps the mark',
      needs: ['mark'],
      run: async (at) => {
        await at.Product.create({ name: 'Rose' });
        const query = at.cache.mark(at.Product.find({ name: 'Rose' }));
        await query.clone();
        assert.equal(await at.reads(async () => assert.equal((await query.clone()).length, 1)), 0);
      },
    },
    {
      name: 'a constructor made of a query keeps the mark',
      needs: ['mark'],
      run: async (at) => {
        await at.Product.create({ name: 'Rose' });
        const Roses = at.cache.mark(at.Product.find({ name: 'Rose' })).toConstructor() as new () => Askable<
          unknown[]
        >;
        await new Roses().exec();
        assert.equal(await at.reads(async () => assert.equal((await new Roses().exec()).length, 1)), 0);
      },
    },
    {
      name: 'a query can’t be executed twice, as ever',
      needs: ['mark'],
      run: async (at) => {
        for (const _ of [1, 2]) {
          const query = at.cache.mark(at.Product.find());
          await query.exec();
          await assert.rejects(query.exec(), /already executed/);
        }
      },
    },
    {
      name: 'cursors and streams are passed through',
      needs: ['mark'],
      run: async (at) => {
        for (const names of [['Fern'], ['Fern', 'Rose']]) {
          await at.Product.insertMany([{ name: names.at(-1) }]);
          assert.deepEqual(await gathered(at.cache.mark(at.Product.find())), names);
          assert.deepEqual(await gathered(at.cache.mark(at.Product.find()).cursor()), names);
          assert.deepEqual(await gathered(at.cache.mark(at.Product.find()).lean().cursor()), names);
          assert.deepEqual(await gathered(at.cache.mark(at.Product.aggregate([{ $match: {} }]))), names);
          assert.deepEqual(
            await gathered(at.cache.mark(at.Product.aggregate([{ $match: {} }])).cursor()),
            names,
          );
        }
      },
    },
    {
      name: 'explain explains',
      needs: ['mark'],
      run: async (at) => {
        for (const _ of [1, 2]) {
          assert.ok('queryPlanner' in (await at.cache.mark(at.Product.find()).explain()));
          assert.ok(
            told(await at.cache.mark(at.Product.aggregate([{ $match: {} }])).explain()).includes(
              'ueryPlanner',
            ),
          );
          assert.deepEqual(await at.cache.mark(at.Product.find()), []);
        }
      },
    },
    {
      name: 'a query that is not marked is asked of the database',
      run: async (at) => {
        await at.ask(at.Product.find());
        assert.equal(await at.reads(() => at.Product.find()), 1);
      },
    },
  ],
};
