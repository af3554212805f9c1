import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { describeWith } from '../../servers/index.js';
import { openShop, type Shop } from './shop.js';

type Id = mongoose.Types.ObjectId;

describeWith(['mongo', 'redis'], 'a cached read', () => {
  let shop: Shop;
  const [rose, tulip, fern] = [1, 2, 3].map(() => new mongoose.Types.ObjectId()) as [Id, Id, Id];

  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop.close());
  beforeEach(async () => {
    await shop.Product.deleteMany({});
    await shop.Supplier.deleteMany({});
    await shop.Supplier.create({ _id: fern, name: 'Hortus' });
    await shop.Product.create([
      {
        _id: rose,
        name: 'Rose',
        category: 'bouquets',
        price: 12,
        supplier: fern,
        attributes: { colour: 'red' },
      },
      { _id: tulip, name: 'Tulip', category: 'bouquets', price: 0, sizes: [{ label: 'S', stems: 5 }] },
      { _id: fern, name: 'Fern', category: 'plants', price: 30 },
    ]);
  });

  const shapes: [string, (shop: Shop) => { then: PromiseLike<unknown>['then'] }][] = [
    ['find', ({ Product }) => Product.find({ category: 'bouquets' }).sort('name').cache()],
    ['find, lean', ({ Product }) => Product.find({ category: 'bouquets' }).lean().cache()],
    ['find that finds nothing', ({ Product }) => Product.find({ category: 'none' }).cache()],
    ['findOne', ({ Product }) => Product.findOne({ name: 'Rose' }).cache()],
    ['findOne that finds nothing', ({ Product }) => Product.findOne({ name: 'Oak' }).cache()],
    ['findById', ({ Product }) => Product.findById(rose).cache()],
    ['findById, lean', ({ Product }) => Product.findById(rose).lean().cache()],
    ['exists', ({ Product }) => Product.exists({ name: 'Rose' }).cache()],
    ['countDocuments', ({ Product }) => Product.countDocuments({ category: 'bouquets' }).cache()],
    ['a count of 0', ({ Product }) => Product.countDocuments({ category: 'none' }).cache()],
    ['estimatedDocumentCount', ({ Product }) => Product.estimatedDocumentCount().cache()],
    ['distinct', ({ Product }) => Product.distinct('category').cache()],
    ['distinct of objects', ({ Product }) => Product.distinct('sizes').cache()],
    [
      'aggregate',
      ({ Product }) =>
        Product.aggregate([{ $group: { _id: '$category', n: { $sum: 1 } } }, { $sort: { _id: 1 } }]).cache(),
    ],
    [
      'select, sort, skip and limit',
      ({ Product }) => Product.find().select('name').sort('-price').skip(1).limit(1).cache(),
    ],
    [
      'a collation',
      ({ Product }) => Product.find({ name: 'rose' }).collation({ locale: 'en', strength: 2 }).cache(),
    ],
  ];
  it.each(shapes)('%s: the second one is answered without the database, and the same', async (_, ask) => {
    const reads = shop.reads();
    const miss = await ask(shop);
    expect(shop.reads() - reads).toBe(1);
    const hit = await ask(shop);
    expect(shop.reads() - reads).toBe(1);
    const unmarked = await shop.readsOf(() => shop.Product.find({ category: 'bouquets' }));
    expect(unmarked).toBe(1);
    expect(JSON.stringify(hit)).toBe(JSON.stringify(miss));
    expect(hit).toStrictEqual(miss);
  });
});
