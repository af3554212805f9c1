import assert from 'node:assert/strict';
import type { mongo } from 'mongoose';
import { NotAsked, type Case, type Group } from './case.js';
import { soon, told, type Place } from './place.js';
import type { Askable } from './query-cache.js';

type Id = ReturnType<Place['id']>;

/** Every kind of read of the products. */
const asked = async (at: Place, id: Id, ask: <T>(query: Askable<T>) => Promise<T>) => {
  const { Product } = at;
  return told([
    await ask(Product.find({ name: 'Rose' }).sort('_id').lean()),
    await ask(Product.findById(id)),
    await ask(Product.findOne({ name: 'Rose' }).sort('_id').lean()),
    await ask(Product.countDocuments({ name: 'Rose' })),
    await ask(Product.estimatedDocumentCount()),
    await ask(
      Product.aggregate([
        { $group: { _id: '$name', n: { $sum: 1 }, p: { $max: '$price' } } },
        { $sort: { _id: 1 } },
      ]),
    ),
  ]);
};

/** Changes, adds or removes a rose; afterwards every read gives what the database does. */
const write = (name: string, change: (at: Place, id: Id) => unknown): Case => ({
  name,
  run: async (at) => {
    const { _id: id } = (await at.Product.insertMany([{ name: 'Rose', price: 12 }]))[0] as { _id: Id };
    await at.Supplier.insertMany([{ name: 'Rose' }]);
    const cached = () => asked(at, id, (query) => at.ask(query));
    const before = await cached();
    await cached();
    await at.after(() => change(at, id));
    const now = await asked(at, id, (query) => query.exec());
    assert.notEqual(now, before, 'a case that shows nothing');
    assert.equal(await cached(), now);
  },
});

/** A write to something else that an answer is made of; `ask` tells what is to be seen of it. */
const other = (
  name: string,
  prepare: (at: Place) => Promise<{ ask: () => Promise<unknown>; change: () => unknown }>,
): Case => ({
  name,
  run: async (at) => {
    const { ask, change } = await prepare(at);
    const before = told(await ask());
    assert.equal(told(await ask()), before);
    await at.after(change);
    assert.notEqual(told(await ask()), before);
  },
});

/** A write whose acknowledgement is lost: an error for its caller, a fact in the database. */
const lost = (name: string, command: string, change: (at: Place, id: Id) => PromiseLike<unknown>): Case => ({
  name: `${name}, the acknowledgement of which is lost`,
  run: async (at) => {
    const { _id: id } = (await at.Product.insertMany([{ name: 'Rose', price: 12 }]))[0] as { _id: Id };
    const cached = () => asked(at, id, (query) => at.ask(query));
    await cached();
    const before = await asked(at, id, (query) => query.exec());
    const sent = at.servers.mongo.next(command);
    const outcome = Promise.resolve(change(at, id)).then(
      () => 'acknowledged',
      () => 'lost',
    );
    const answer = await sent;
    await soon(async () => (await asked(at, id, (query) => query.exec())) !== before, 'the write is applied');
    answer.lose();
    assert.equal(await outcome, 'lost');
    await at.cache.settle();
    assert.equal(await cached(), await asked(at, id, (query) => query.exec()));
  },
});

const rose = (at: Place, id: Id) => at.Product.findById(id).orFail();
type ById = { _id: Id; name?: string };
type Native = mongo.Collection<ById>;

const driver = (at: Place, name = 'products') => at.connection.db!.collection(name);

const withSupplier = async (at: Place) => {
  const [supplier] = await at.Supplier.insertMany([{ name: 'Hortus' }]);
  const [product] = await at.Product.insertMany([{ name: 'Rose', supplier: supplier?._id }]);
  const change = () => at.Supplier.updateOne({ _id: supplier?._id }, { name: 'Flora' });
  return { supplier, product, change };
};
const lookup = { from: 'suppliers', localField: 'supplier', foreignField: '_id', as: 'found' };

const plants = async (at: Place) => {
  const Plant = at.model('Plant', at.schema({ name: String }, { discriminatorKey: 'kind' }));
  const Tree = Plant.discriminator('Tree', at.schema({ height: Number }));
  const Herb = Plant.discriminator('Herb', at.schema({ smell: String }));
  await Tree.create({ name: 'Oak', height: 9 });
  return { Plant, Tree, Herb };
};

/** What is inserted because none of several documents was found has an `_id` that the filter doesn't name. */
const upserts = (
  [
    ['replaceOne', (products, filter, one) => products.replaceOne(filter, one, { upsert: true })],
    [
      'findOneAndReplace',
      (products, filter, one) => products.findOneAndReplace(filter, one, { upsert: true }),
    ],
    [
      'updateOne',
      (products, filter, { _id, ...rest }) =>
        products.updateOne(filter, { $setOnInsert: { _id }, $set: rest }, { upsert: true }),
    ],
    [
      'bulkWrite',
      (products, filter, one) =>
        products.bulkWrite([{ replaceOne: { filter, replacement: one, upsert: true } }]),
    ],
  ] satisfies [string, (products: Native, filter: ById, one: ById) => unknown][]
).map(([name, upsert]) =>
  other(`${name} that creates another document than it asked for`, async (at) => {
    const _id = at.id();
    const filter = { _id: { $in: [at.id(), at.id()] } } as unknown as ById;
    return {
      ask: () => at.ask(at.Product.findById(_id)),
      change: () => upsert(driver(at) as never, filter, { _id, name: 'Rose' }),
    };
  }),
);

export const writes: Group = {
  name: 'after a write, reads are fresh',
  cases: [
    write('create', ({ Product }) => Product.create({ name: 'Rose', price: 99 })),
    write('save of a new document', ({ Product }) => new Product({ name: 'Rose' }).save()),
    write('save of a document that was found', async (at, id) =>
      (await rose(at, id)).set('price', 99).save(),
    ),
    write('save of a document that was answered from the cache', async (at, id) => {
      const found = await at.ask(at.Product.findById(id));
      await found.set('price', 99).save();
    }),
    write('document.updateOne', async (at, id) => (await rose(at, id)).updateOne({ price: 99 })),
    write('document.replaceOne', async (at, id) =>
      (await rose(at, id)).replaceOne({ name: 'Rose', price: 99 }),
    ),
    write('document.deleteOne', async (at, id) => (await rose(at, id)).deleteOne()),
    write('insertMany', ({ Product }) => Product.insertMany([{ name: 'Rose' }, { name: 'Rose' }])),
    write('insertOne', ({ Product }) => Product.insertOne({ name: 'Rose' })),
    write('updateOne', ({ Product }) => Product.updateOne({ name: 'Rose' }, { price: 99 })),
    write('updateOne by _id', ({ Product }, id) => Product.updateOne({ _id: id }, { price: 99 })),
    write('updateOne that upserts', ({ Product }) =>
      Product.updateOne({ name: 'Rose', price: 5 }, { price: 6 }, { upsert: true }),
    ),
    write('updateMany', ({ Product }) => Product.updateMany({}, { price: 99 })),
    write('updateMany by a pipeline', ({ Product }) =>
      Product.updateMany({}, [{ $set: { price: { $add: ['$price', 1] } } }], { updatePipeline: true }),
    ),
    write('replaceOne', ({ Product }, id) => Product.replaceOne({ _id: id }, { name: 'Rose', price: 99 })),
    write('deleteOne', ({ Product }) => Product.deleteOne({ name: 'Rose' })),
    write('deleteMany', ({ Product }) => Product.deleteMany({})),
    write('findOneAndUpdate', ({ Product }) => Product.findOneAndUpdate({ name: 'Rose' }, { price: 99 })),
    write('findOneAndUpdate that upserts', ({ Product }) =>
      Product.findOneAndUpdate({ name: 'Rose', price: 5 }, { price: 6 }, { upsert: true }),
    ),
    write('findByIdAndUpdate', ({ Product }, id) => Product.findByIdAndUpdate(id, { price: 99 })),
    write('findOneAndReplace', ({ Product }, id) =>
      Product.findOneAndReplace({ _id: id }, { name: 'Rose', price: 99 }),
    ),
    write('findOneAndDelete', ({ Product }) => Product.findOneAndDelete({ name: 'Rose' })),
    write('findByIdAndDelete', ({ Product }, id) => Product.findByIdAndDelete(id)),
    write('a query that becomes an update', ({ Product }) =>
      Product.find({ name: 'Rose' }).updateOne({}, { price: 99 }),
    ),
    write('bulkWrite', ({ Product }, id) =>
      Product.bulkWrite([
        { updateOne: { filter: { _id: id }, update: { price: 99 } } },
        { insertOne: { document: { name: 'Rose' } } },
      ]),
    ),
    write('bulkWrite, unordered', ({ Product }) =>
      Product.bulkWrite([{ updateMany: { filter: {}, update: { price: 99 } } }], { ordered: false }),
    ),
    write('bulkWrite that fails halfway', async ({ Product }, id) => {
      const operations = [
        { insertOne: { document: { name: 'Rose' } } },
        { insertOne: { document: { _id: id } } },
      ];
      await assert.rejects(Product.bulkWrite(operations as never), /duplicate/);
    }),
    write('insertMany that fails halfway', ({ Product }, id) =>
      assert.rejects(Product.insertMany([{ name: 'Rose' }, { _id: id }]), /duplicate/),
    ),
    write('bulkSave', async ({ Product }) => {
      const roses = await Product.find({ name: 'Rose' });
      for (const rose of roses) rose.set('price', 99);
      await Product.bulkSave(roses);
    }),
    write('collection.updateOne of Mongoose', ({ Product }, id) =>
      Product.collection.updateOne({ _id: id }, { $set: { price: 99 } }),
    ),
    write('collection.insertOne of Mongoose', ({ Product }) =>
      Product.collection.insertOne({ name: 'Rose' }),
    ),
    write('bulkWrite of the driver', (at, id) =>
      driver(at).bulkWrite([{ deleteOne: { filter: { _id: id } } }]),
    ),
    write('a bulk operation of the driver', (at, id) => {
      const bulk = driver(at).initializeUnorderedBulkOp();
      bulk.find({ _id: id }).updateOne({ $set: { price: 99 } });
      return bulk.execute();
    }),
    write('another database handle of the client', ({ connection }, id) =>
      connection.getClient().db(connection.name).collection('products').deleteOne({ _id: id }),
    ),
    write('useDb, to the same database', ({ connection }, id) =>
      connection.useDb(connection.name).collection('products').deleteOne({ _id: id }),
    ),
    write('another model of the same collection', (at, id) =>
      at.model('Flower', at.schema({ price: Number }), 'products').updateOne({ _id: id }, { price: 99 }),
    ),
    write('MongoClient.bulkWrite', async ({ connection }, id) => {
      const client = connection.getClient();
      const { versionArray } = (await client.db('admin').command({ buildInfo: 1 })) as {
        versionArray: number[];
      };
      if ((versionArray[0] ?? 0) < 8) throw new NotAsked('MongoClient.bulkWrite needs MongoDB 8');
      const namespace = `${connection.name}.products`;
      await client.bulkWrite([
        { namespace, name: 'updateOne', filter: { _id: id }, update: { $set: { price: 99 } } },
      ]);
    }),
    write('an aggregate with $merge', ({ Product }) =>
      Product.aggregate([{ $set: { price: 99 } }, { $merge: { into: 'products', whenMatched: 'replace' } }]),
    ),
    write('an aggregate of another model with $merge', ({ Supplier }) =>
      Supplier.aggregate([{ $merge: { into: 'products' } }]),
    ),
    write('an aggregate with $out', ({ Supplier }) => Supplier.aggregate([{ $out: 'products' }])),
    write('an aggregate of the driver with $out', (at) =>
      driver(at, 'suppliers')
        .aggregate([{ $out: 'products' }])
        .toArray(),
    ),
    write('a cursor of an aggregate with $merge', async ({ Product }) => {
      const cursor = Product.aggregate([{ $set: { price: 99 } }, { $merge: { into: 'products' } }]).cursor();
      await cursor.next();
      await cursor.close();
    }),
    write('a command', ({ connection }, id) =>
      connection.db!.command({
        update: 'products',
        updates: [{ q: { _id: id }, u: { $set: { price: 99 } } }],
      }),
    ),
    write('a command with a cursor', ({ connection }) =>
      connection
        .db!.runCursorCommand({
          aggregate: 'products',
          pipeline: [{ $set: { price: 99 } }, { $merge: 'products' }],
          cursor: {},
        })
        .toArray(),
    ),
    write('a command of the administrator', ({ connection: { db } }) =>
      db!.admin().command({
        renameCollection: `${db!.databaseName}.suppliers`,
        to: `${db!.databaseName}.products`,
        dropTarget: true,
      }),
    ),
    write('collection.drop', ({ Product }) => Product.collection.drop()),
    write('dropCollection', ({ connection }) => connection.dropCollection('products')),
    write('dropDatabase', ({ connection }) => connection.dropDatabase()),
    write('collection.rename', (at) => driver(at).rename('were-products')),
    write('renaming another one to its name', (at) =>
      driver(at, 'suppliers').rename('products', { dropTarget: true }),
    ),
    lost('updateOne', 'update', ({ Product }, id) => Product.updateOne({ _id: id }, { price: 99 })),
    lost('create', 'insert', ({ Product }) => Product.create({ name: 'Rose' })),
    lost('deleteMany', 'delete', ({ Product }) => Product.deleteMany({})),
    lost('findOneAndUpdate', 'findAndModify', ({ Product }) =>
      Product.findOneAndUpdate({ name: 'Rose' }, { price: 99 }),
    ),
    lost('bulkWrite', 'update', ({ Product }, id) =>
      Product.bulkWrite([{ updateOne: { filter: { _id: id }, update: { price: 99 } } }]),
    ),
    lost('an aggregate with $merge', 'aggregate', ({ Product }) =>
      Product.aggregate([{ $set: { price: 99 } }, { $merge: { into: 'products' } }]),
    ),
    ...upserts,
    other('a capped collection, in which the oldest makes room', async (at) => {
      const Note = at.model('Note', at.schema({ n: Number }, { capped: { size: 4_096, max: 2 } }));
      await at.ask(Note.find());
      await Note.createCollection();
      const [oldest] = await Note.insertMany([{ n: 1 }, { n: 2 }]);
      return { ask: () => at.ask(Note.findById(oldest?._id)), change: () => Note.create({ n: 3 }) };
    }),
    other('null that was cached, and the document is created', async (at) => {
      const _id = at.id();
      return {
        ask: () => at.ask(at.Product.findById(_id)),
        change: () => at.Product.create({ _id, name: 'Oak' }),
      };
    }),
    other('[] that was cached, and one is created', async (at) => ({
      ask: () => at.ask(at.Product.find({ name: 'Oak' })),
      change: () => at.Product.create({ name: 'Oak' }),
    })),
    other('distinct values', async (at) => ({
      ask: () => at.ask(at.Product.distinct('name')),
      change: () => at.Product.create({ name: 'Oak' }),
    })),
    other('a model that is populated', async (at) => {
      const { change } = await withSupplier(at);
      return { change, ask: () => at.ask(at.Product.find().populate('supplier')) };
    }),
    other('a model that is populated, lean', async (at) => {
      const { change } = await withSupplier(at);
      return { change, ask: () => at.ask(at.Product.findOne().populate('supplier').lean()) };
    }),
    other('a document that is populated later', async (at) => {
      const { supplier } = await withSupplier(at);
      return {
        ask: () => at.ask(at.Product.find().populate('supplier')),
        change: () => at.Supplier.deleteOne({ _id: supplier?._id }),
      };
    }),
    other('a virtual that is populated', async (at) => {
      const schema = at.schema({ name: String }, { toJSON: { virtuals: true } });
      schema.virtual('products', { ref: 'Product', localField: '_id', foreignField: 'supplier' });
      const Shop = at.model('Shop', schema);
      const shop = await Shop.create({ name: 'Hortus' });
      return {
        ask: () => at.ask(Shop.find().populate('products')),
        change: () => at.Product.create({ name: 'Oak', supplier: shop._id }),
      };
    }),
    other('a model that is looked up', async (at) => {
      const { change } = await withSupplier(at);
      return { change, ask: () => at.ask(at.Product.aggregate([{ $lookup: lookup }])) };
    }),
    other('a model that is looked up in a facet', async (at) => {
      const { change } = await withSupplier(at);
      return {
        change,
        ask: () => at.ask(at.Product.aggregate([{ $facet: { all: [{ $lookup: lookup }] } }])),
      };
    }),
    other('a model that is looked up in the pipeline of a lookup', async (at) => {
      const { change, product } = await withSupplier(at);
      const pipeline = [{ $match: { _id: product?._id } }, { $lookup: lookup }];
      return {
        change,
        ask: () => at.ask(at.Country.aggregate([{ $unionWith: { coll: 'products', pipeline } }])),
      };
    }),
    other('a model that is looked up in a graph', async (at) => {
      const { change } = await withSupplier(at);
      const { from, localField, foreignField, as } = lookup;
      const graph = {
        from,
        as,
        startWith: '$supplier',
        connectFromField: localField,
        connectToField: foreignField,
      };
      return { change, ask: () => at.ask(at.Product.aggregate([{ $graphLookup: graph }])) };
    }),
    other('a model that is united with', async (at) => {
      const { change } = await withSupplier(at);
      return { change, ask: () => at.ask(at.Product.aggregate([{ $unionWith: 'suppliers' }])) };
    }),
    other('a child of a model, read through its base', async (at) => {
      const { Plant, Tree } = await plants(at);
      return {
        ask: () => at.ask(Plant.find()),
        change: () => Tree.updateOne({ name: 'Oak' }, { height: 10 }),
      };
    }),
    other('the base of a model, read through its child', async (at) => {
      const { Plant, Tree } = await plants(at);
      return {
        ask: () => at.ask(Tree.find()),
        change: () => Plant.updateOne({ name: 'Oak' }, { name: 'Elm' }),
      };
    }),
    other('a sibling of a model, by its collection', async (at) => {
      const { Tree, Herb } = await plants(at);
      return {
        ask: () => at.ask(Tree.aggregate([{ $count: 'n' }])),
        change: () => Herb.collection.insertOne({ kind: 'Tree', name: 'Elm' }),
      };
    }),
    other('a document of the child that is created', async (at) => {
      const { Plant, Tree } = await plants(at);
      return { ask: () => at.ask(Plant.countDocuments()), change: () => Tree.create({ name: 'Elm' }) };
    }),
    other('what a view shows', async (at) => {
      const Dear = at.model('Dear', at.schema({ name: String }), 'dear');
      const [{ _id }] = (await at.Product.insertMany([{ name: 'Rose', price: 12 }])) as [{ _id: Id }];
      const pipeline = [{ $match: { price: { $gte: 10 } } }];
      await at.connection.createCollection('dear', { viewOn: 'products', pipeline });
      return {
        ask: () => at.ask(Dear.find().lean()),
        change: () => at.Product.updateOne({ _id }, { price: 1 }),
      };
    }),
    other('a view that is defined anew', async (at) => {
      const Dear = at.model('Dear', at.schema({ name: String }), 'dear');
      await at.Product.insertMany([{ name: 'Rose' }]);
      await at.Supplier.insertMany([{ name: 'Hortus' }]);
      await at.connection.createCollection('dear', { viewOn: 'products', pipeline: [] });
      return {
        ask: () => at.ask(Dear.find().lean()),
        change: () => at.connection.db!.command({ collMod: 'dear', viewOn: 'suppliers', pipeline: [] }),
      };
    }),
    {
      name: 'another process',
      run: async (at) => {
        await at.Product.insertMany([{ name: 'Rose', price: 1 }]);
        const elsewhere = await at.elsewhere();
        const ask = async () => (await at.ask(at.Product.findOne({ name: 'Rose' }).lean()))?.price as unknown;
        assert.equal(await ask(), 1);
        await elsewhere.run({ model: 'Product', method: 'updateMany', args: [{}, { price: 99 }] });
        await soon(async () => (await ask()) === 99, 'it is seen');
      },
    },
    {
      name: 'a write to another document leaves what was read by _id',
      run: async (at) => {
        const [one, two] = await at.Product.insertMany([{ name: 'Rose' }, { name: 'Fern' }]);
        await at.ask(at.Product.findById(one?._id));
        await at.after(() => at.Product.updateOne({ _id: two?._id }, { price: 99 }));
        assert.equal(await at.reads(() => at.ask(at.Product.findById(one?._id))), 0);
      },
    },
    {
      name: 'a write to another collection leaves all reads',
      run: async (at) => {
        await at.Product.insertMany([{ name: 'Rose' }]);
        await at.ask(at.Product.find());
        await at.after(() => at.Supplier.create({ name: 'Hortus' }));
        assert.equal(await at.reads(() => at.ask(at.Product.find())), 0);
      },
    },
  ],
};
