import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { describeWith } from '../../servers/index.js';
import { openShop, productSchema, type Shop } from './shop.js';

type Db = mongoose.mongo.Db;

const picture = new mongoose.Types.ObjectId();
const pictureSchema = () => new mongoose.Schema({ filename: String });
const mapReduce = (out: object) => ({
  mapReduce: 'products',
  map: 'function () { emit(1, 1); }',
  reduce: 'function () { return 1; }',
  out,
});

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

  it.each<[string, (at: { db: Db; name: string }) => Promise<unknown>]>([
    [
      'a copy of a cursor of the driver',
      ({ db }) =>
        db
          .collection('suppliers')
          .aggregate([{ $out: 'products' }])
          .clone()
          .toArray(),
    ],
    ['mapReduce', ({ db }) => db.command(mapReduce({ replace: 'products' }))],
    [
      'mapReduce into another database',
      ({ db, name }) => {
        const command = { ...mapReduce({ merge: 'products', db: name }), mapReduce: 'system.version' };
        return db.client.db('admin').command(command);
      },
    ],
    ['convertToCapped', ({ db }) => db.command({ convertToCapped: 'products', size: 4_096 })],
    [
      'applyOps',
      ({ db, name }) =>
        db.admin().command({ applyOps: [{ op: 'd', ns: `${name}.products`, o: { _id: id } }] }),
    ],
    [
      'GridFSBucket',
      ({ db }) => new mongoose.mongo.GridFSBucket(db, { bucketName: 'pictures' }).rename(picture, 'b.png'),
    ],
  ])('by %s, reads are fresh', async (_, write) => {
    const { connection, Product } = shop;
    const Picture =
      connection.models.Picture ?? connection.model('Picture', pictureSchema(), 'pictures.files');
    await Product.insertMany(Array.from({ length: 9 }, (_, nth) => ({ name: `${nth}`.repeat(1_000) })));
    await Picture.collection.insertOne({ _id: picture, filename: 'a.png' });
    const all = async (isCached: boolean) =>
      JSON.stringify([
        await Product.find()
          .lean()
          .cache(isCached ? {} : false),
        await Product.findById(id).cache(isCached ? {} : false),
        await Picture.find().cache(isCached ? {} : false),
      ]);
    const before = await all(true);
    expect(await shop.readsOf(() => all(true))).toBe(0);
    await write({ db: connection.db as Db, name: connection.name });
    const after = await all(false);
    expect(after).not.toBe(before);
    expect(await all(true)).toBe(after);
    await Picture.collection.drop();
    await Product.collection.drop();
  });

  it('that failed, reads are asked again all the same: it may have been applied', async () => {
    await shop.Product.findById(id).cache();
    await expect(shop.Product.collection.insertOne({ _id: id, name: 'twice' })).rejects.toThrow(/duplicate/);
    expect(await shop.readsOf(() => shop.Product.findById(id).cache())).toBe(1);
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
