import assert from 'node:assert/strict';
import type { Case, Group } from './case.js';
import { told, type Place } from './place.js';
import type { Askable, Marks } from './query-cache.js';

type Ask = (at: Place) => Askable<unknown>;

/** Two queries that mean the same: the second one is answered with what the first one left. */
const same = (name: string, one: Ask, other: Ask): Case => ({
  name: `same: ${name}`,
  run: async (at) => {
    await fill(at);
    const answer = await at.ask(one(at));
    let second: unknown;
    assert.equal(await at.reads(async () => (second = await at.ask(other(at)))), 0);
    assert.equal(told(second), told(answer));
  },
});

/** Two queries with different answers: each gets its own, whichever is asked first. */
const different = (name: string, one: Ask, other: Ask, marks?: Marks): Case => ({
  name: `different: ${name}`,
  ...(marks?.key !== undefined && { needs: ['key'] }),
  run: async (at) => {
    await fill(at);
    const answers = [told(await one(at)), told(await other(at))];
    assert.notEqual(answers[0], answers[1], 'a case that shows nothing');
    for (const [nth, ask] of [one, other, one, other].entries())
      assert.equal(told(await at.ask(ask(at), marks)), answers[nth % 2]);
  },
});

const HEX = '64b7f0f0f0f0f0f0f0f0f0f0';
const AT = '2026-01-02T03:04:05.000Z';

async function fill(at: Place): Promise<void> {
  const { ObjectId, Decimal128, Long, Binary } = at.mongoose.mongo;
  const { Product, Supplier } = at;
  const mixed: Record<string, unknown> = {
    'an id': new ObjectId(HEX),
    'a hex string': HEX,
    'a date': new Date(AT),
    'an ISO string': AT,
    one: 1,
    "'1'": '1',
    true: true,
    "'true'": 'true',
    null: null,
    "'null'": 'null',
    decimal: Decimal128.fromString('0.1'),
    double: 0.1,
    'a long': Long.fromString('9007199254740993'),
    'a double': 9007199254740992,
    bytes: new Binary(Buffer.from('rose')),
    'their base64': Buffer.from('rose').toString('base64'),
    ab: { a: 1, b: 2 },
    ba: { b: 2, a: 1 },
    Rose: 'Rose',
    'a pattern': '/rose/i',
  };
  await Product.insertMany(
    Object.entries(mixed).map(([name, value], nth) => ({ name, mixed: value, price: nth % 3 })),
  );
  await Product.insertMany([
    { name: 'Rose', category: 'bouquets', price: 12, sizes: [{ label: 'S' }, { label: 'L' }], hidden: 'x' },
    { name: 'Tulip', category: 'bouquets', price: 7 },
    { name: 'Fern', category: 'plants', price: 7 },
  ]);
  await Supplier.insertMany([
    { name: 'Rose', city: 'Delft' },
    { name: 'Hortus', city: 'Leiden' },
  ]);
  const supplier = await Supplier.findOne({ name: 'Hortus' });
  await Product.updateMany({ price: 7 }, { supplier: supplier?._id });
}

const mixed =
  (value: (at: Place) => unknown): Ask =>
  (at) =>
    at.Product.find({ mixed: value(at) })
      .select('name -_id')
      .sort('name')
      .lean();
const names =
  (change: (query: ReturnType<Place['Product']['find']>) => unknown): Ask =>
  (at) =>
    change(at.Product.find({ category: { $exists: true } }).sort('name')) as Askable<unknown>;
const aggregate =
  (...stages: Record<string, unknown>[]): Ask =>
  (at) =>
    at.Product.aggregate([{ $match: { category: { $exists: true } } }, ...stages] as never);
const oid = (at: Place) => new at.mongoose.mongo.ObjectId(HEX);

export const keys: Group = {
  name: 'keys',
  cases: [
    same(
      'the order of conditions',
      ({ Product }) => Product.find({ category: 'bouquets', price: 7 }),
      ({ Product }) => Product.find({ price: 7, category: 'bouquets' }),
    ),
    same(
      'the order of operators',
      ({ Product }) => Product.find({ price: { $gt: 1, $lt: 9 } }),
      ({ Product }) => Product.find({ price: { $lt: 9, $gt: 1 } }),
    ),
    same(
      'the order inside $and',
      ({ Product }) => Product.find({ $and: [{ price: 7, name: 'Fern' }] }),
      ({ Product }) => Product.find({ $and: [{ name: 'Fern', price: 7 }] }),
    ),
    same(
      'values that the schema casts',
      ({ Product }) => Product.find({ price: 7 }),
      ({ Product }) => Product.find({ price: '7' }),
    ),
    same(
      'findById of an ObjectId and of its hex string',
      (at) => at.Product.findById(oid(at)),
      ({ Product }) => Product.findById(HEX),
    ),
    same(
      'an object and a chain',
      ({ Product }) => Product.find({ price: { $gte: 7 } }),
      ({ Product }) => Product.where('price').gte(7) as never,
    ),
    same(
      'forms of a sort',
      ({ Product }) => Product.find().sort('-price name'),
      ({ Product }) => Product.find().sort({ price: -1, name: 1 }),
    ),
    same(
      'forms of a selection',
      ({ Product }) => Product.find().select('name price'),
      ({ Product }) => Product.find().select({ price: 1, name: 1 }),
    ),
    same(
      'a comment and a time limit',
      ({ Product }) => Product.find(),
      ({ Product }) => Product.find().comment('page').maxTimeMS(5_000),
    ),
    different(
      'an ObjectId and its hex string',
      mixed(oid),
      mixed(() => HEX),
    ),
    different(
      'a Date and its ISO string',
      mixed(() => new Date(AT)),
      mixed(() => AT),
    ),
    different(
      "1 and '1'",
      mixed(() => 1),
      mixed(() => '1'),
    ),
    different(
      "true and 'true'",
      mixed(() => true),
      mixed(() => 'true'),
    ),
    different(
      "null and 'null'",
      mixed(() => null),
      mixed(() => 'null'),
    ),
    different(
      'undefined conditions and none',
      mixed(() => ({ $exists: true })),
      mixed(() => ({ $exists: false })),
    ),
    different(
      'a Decimal128 and a double',
      mixed((at) => at.mongoose.mongo.Decimal128.fromString('0.1')),
      mixed(() => 0.1),
    ),
    different(
      'a Long that no double can hold',
      mixed((at) => at.mongoose.mongo.Long.fromString('9007199254740993')),
      mixed(() => 9007199254740992),
    ),
    different(
      'bytes and their base64',
      mixed(() => Buffer.from('rose')),
      mixed(() => Buffer.from('rose').toString('base64')),
    ),
    different(
      'the order in a document that is compared',
      mixed(() => ({ a: 1, b: 2 })),
      mixed(() => ({ b: 2, a: 1 })),
    ),
    different(
      'a RegExp and its flags',
      ({ Product }) => Product.find({ name: /rose/ }),
      ({ Product }) => Product.find({ name: /rose/i }),
    ),
    different(
      'a RegExp and the string that it prints as',
      mixed(() => /rose/i),
      mixed(() => '/rose/i'),
    ),
    different(
      'conditions that are all to hold, or one of them',
      ({ Product }) => Product.countDocuments({ $and: [{ name: 'Fern' }, { price: 7 }] }),
      ({ Product }) => Product.countDocuments({ $or: [{ name: 'Fern' }, { price: 7 }] }),
    ),
    different(
      'find and findOne',
      ({ Product }) => Product.find({ name: 'Fern' }),
      ({ Product }) => Product.findOne({ name: 'Fern' }),
    ),
    different(
      'findOne and exists',
      ({ Product }) => Product.findOne({ name: 'Fern' }),
      ({ Product }) => Product.exists({ name: 'Fern' }),
    ),
    different(
      'find and countDocuments',
      ({ Product }) => Product.find({ name: 'Fern' }),
      ({ Product }) => Product.countDocuments({ name: 'Fern' }),
    ),
    different(
      'a count with a limit',
      ({ Product }) => Product.countDocuments({ price: 7 }),
      ({ Product }) => Product.countDocuments({ price: 7 }).limit(1),
    ),
    different(
      'the field of distinct',
      ({ Product }) => Product.distinct('category'),
      ({ Product }) => Product.distinct('supplier'),
    ),
    different(
      'the filter of distinct',
      ({ Product }) => Product.distinct('name', { price: 7 }),
      ({ Product }) => Product.distinct('name', { price: 12 }),
    ),
    different(
      'limits',
      names((query) => query.limit(1)),
      names((query) => query.limit(2)),
    ),
    different(
      'skips',
      names((query) => query.skip(1)),
      names((query) => query.skip(2)),
    ),
    different(
      'the order of a sort',
      ({ Product }) => Product.find({ category: { $exists: true } }).sort({ price: 1, name: -1 }),
      ({ Product }) => Product.find({ category: { $exists: true } }).sort({ name: -1, price: 1 }),
    ),
    different(
      'projections',
      names((query) => query.select('name')),
      names((query) => query.select('price')),
    ),
    different(
      'what is included and what is left out',
      names((query) => query.select('name price')),
      names((query) => query.select('-name -price')),
    ),
    different(
      'a field that is hidden by default',
      names((query) => query.clone()),
      names((query) => query.select('+hidden')),
    ),
    different(
      'parts of lists',
      names((query) => query.select({ sizes: { $slice: 1 } })),
      names((query) => query.select({ sizes: { $slice: 2 } })),
    ),
    different(
      'projections of findOne',
      ({ Product }) => Product.findOne({ name: 'Fern' }, 'name'),
      ({ Product }) => Product.findOne({ name: 'Fern' }, 'price'),
    ),
    different(
      'collations',
      ({ Product }) => Product.find({ name: 'rose' }),
      ({ Product }) => Product.find({ name: 'rose' }).collation({ locale: 'en', strength: 2 }),
    ),
    different(
      'collations of a count',
      ({ Product }) => Product.countDocuments({ name: 'rose' }),
      ({ Product }) => Product.countDocuments({ name: 'rose' }).collation({ locale: 'en', strength: 2 }),
    ),
    different(
      'populated or not',
      ({ Product }) => Product.find({ price: 7 }),
      ({ Product }) => Product.find({ price: 7 }).populate('supplier'),
    ),
    different(
      'what is selected of what is populated',
      ({ Product }) => Product.find({ price: 7 }).populate('supplier', 'name'),
      ({ Product }) => Product.find({ price: 7 }).populate('supplier', 'city'),
    ),
    different(
      'models',
      ({ Product }) => Product.find({ name: 'Rose' }).select('-_id name price city'),
      ({ Supplier }) => Supplier.find({ name: 'Rose' }).select('-_id name price city'),
    ),
    different(
      'the $sort of an aggregate',
      aggregate({ $sort: { price: 1, name: 1 } }),
      aggregate({ $sort: { name: 1, price: 1 } }),
    ),
    different('the direction of it', aggregate({ $sort: { name: 1 } }), aggregate({ $sort: { name: -1 } })),
    different(
      'the stages of an aggregate and their order',
      aggregate({ $match: { price: 7 } }, { $set: { price: 0 } }),
      aggregate({ $set: { price: 0 } }, { $match: { price: 7 } }),
    ),
    different(
      'types in a $match',
      ({ Product }) => Product.aggregate([{ $match: { mixed: 1 } }]),
      ({ Product }) => Product.aggregate([{ $match: { mixed: '1' } }]),
    ),
    different(
      'models of one pipeline',
      ({ Product }) => Product.aggregate([{ $match: { name: 'Rose' } }]),
      ({ Supplier }) => Supplier.aggregate([{ $match: { name: 'Rose' } }]),
    ),
    different(
      'collations of an aggregate',
      ({ Product }) => Product.aggregate([{ $match: { name: 'rose' } }]),
      ({ Product }) =>
        Product.aggregate([{ $match: { name: 'rose' } }]).collation({ locale: 'en', strength: 2 }),
    ),
    different(
      'two queries under one key',
      ({ Product }) => Product.find({ name: 'Fern' }),
      ({ Product }) => Product.find({ name: 'Tulip' }),
      { key: 'page' },
    ),
    different(
      'two models under one key',
      ({ Product }) => Product.find({ name: 'Rose' }),
      ({ Supplier }) => Supplier.find({ name: 'Rose' }),
      { key: 'page' },
    ),
    {
      name: 'different: lean and hydrated',
      run: async (at) => {
        await fill(at);
        for (const _ of [1, 2]) {
          const lean: unknown = await at.ask(at.Product.findOne({ name: 'Fern' }).lean());
          assert.ok(!(lean instanceof at.mongoose.Document));
          assert.ok((await at.ask(at.Product.findOne({ name: 'Fern' }))) instanceof at.mongoose.Document);
        }
      },
    },
    {
      name: 'different: databases of one connection, models of one name',
      run: async (at) => {
        const tenant = at.connection.useDb(`${at.connection.name}-2`);
        at.atEnd(() => tenant.db!.dropDatabase());
        const Other = tenant.model('Product', at.Product.schema);
        await at.Product.create({ name: 'Rose' });
        await Other.create({ name: 'Fern' });
        for (const _ of [1, 2]) {
          assert.deepEqual(await at.ask(at.Product.distinct('name')), ['Rose']);
          assert.deepEqual(await at.ask(Other.distinct('name')), ['Fern']);
        }
      },
    },
    {
      name: 'different: a discriminator and its base',
      run: async (at) => {
        const Plant = at.model('Plant', at.schema({ name: String }, { discriminatorKey: 'kind' }));
        const Tree = Plant.discriminator('Tree', at.schema({ height: Number }));
        await Plant.create({ name: 'Moss' });
        await Tree.create({ name: 'Oak', height: 9 });
        for (const _ of [1, 2]) {
          assert.equal((await at.ask(Plant.find())).length, 2);
          assert.equal((await at.ask(Tree.find())).length, 1);
          assert.equal(await at.ask(Plant.countDocuments()), 2);
          assert.equal(await at.ask(Tree.countDocuments()), 1);
        }
      },
    },
  ],
};
