import { afterAll, beforeAll, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { describeWith } from '../../servers/index.js';
import { openShop, type Shop } from './shop.js';

describeWith(['mongo', 'redis'], 'documents after a hit', () => {
  let shop: Shop;
  const id = new mongoose.Types.ObjectId();
  const supplier = new mongoose.Types.ObjectId();

  beforeAll(async () => {
    shop = await openShop();
    await shop.Supplier.create({ _id: supplier, name: 'Hortus' });
    await shop.Product.create({
      _id: id,
      name: 'Rose',
      category: 'bouquets',
      price: 12,
      cost: mongoose.Types.Decimal128.fromString('7.10'),
      soldAt: new Date('2026-01-02T03:04:05Z'),
      picture: Buffer.from([1, 2, 3]),
      sizes: [{ label: 'S', stems: 5 }],
      attributes: { colour: 'red' },
      supplier,
      cache: 'a field of the schema with this name',
    });
  });
  afterAll(() => shop.close());

  const hit = async <T>(ask: () => PromiseLike<T>): Promise<T> => {
    await ask();
    let answer: T | undefined;
    expect(await shop.readsOf(async () => (answer = await ask()))).toBe(0);
    return answer as T;
  };

  it('lean results keep every type', async () => {
    const lean = await hit(() => shop.Product.findById(id).lean().cache());
    expect(lean).toStrictEqual(await shop.Product.findById(id).lean());
    expect(lean?._id).toBeInstanceOf(mongoose.Types.ObjectId);
    expect(lean?.soldAt).toBeInstanceOf(Date);
    expect(lean?.cost).toBeInstanceOf(mongoose.Types.Decimal128);
  });

  it('hydrated results are documents: saved, not new, modified when changed, saveable', async () => {
    const product = await hit(() => shop.Product.findById(id).orFail().cache());
    expect(product).toBeInstanceOf(shop.Product);
    expect(product.isNew).toBe(false);
    expect(product.isModified()).toBe(false);
    expect(product.attributes?.get('colour')).toBe('red');
    expect(product.get('cache')).toBe('a field of the schema with this name');
    product.price = 13;
    expect(product.modifiedPaths()).toEqual(['price']);
    await product.save();
    expect(await shop.Product.findById(id).cache()).toMatchObject({ price: 13 });
  });

  it('every caller has objects of its own', async () => {
    const ask = () => shop.Product.find({ name: 'Rose' }).lean().cache();
    const [first] = await hit(ask);
    if (!first) throw new Error('nothing found');
    first.name = 'changed';
    first.sizes[0]!.label = 'changed';
    (first.picture as unknown as mongoose.mongo.Binary).buffer.fill(9);
    const [second] = await ask();
    expect(second).toStrictEqual((await shop.Product.find({ name: 'Rose' }).lean())[0]);
  });

  it('those who share one load have objects of their own, too', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        shop.Product.findOne({ name: 'Rose', category: 'bouquets' }).lean().cache(),
      ),
    );
    expect(new Set(answers).size).toBe(10);
    expect(new Set(answers.map((answer) => answer?.sizes)).size).toBe(10);
  });

  it('populate, in hydrated and in lean results', async () => {
    for (const ask of [
      () => shop.Product.find({ name: 'Rose' }).populate('supplier').cache(),
      () => shop.Product.find({ name: 'Rose' }).populate('supplier').lean().cache(),
    ]) {
      await ask();
      const [product] = await ask();
      expect(product?.supplier).toMatchObject({ name: 'Hortus' });
    }
    await shop.Supplier.updateOne({ _id: supplier }, { name: 'Flora' });
    const [product] = await shop.Product.find({ name: 'Rose' }).populate('supplier').cache();
    expect(product?.supplier).toMatchObject({ name: 'Flora' });
  });

  it('a selection selects, and knows what it left out', async () => {
    const product = await hit(() => shop.Product.findById(id).select('name').orFail().cache());
    expect(product.isSelected('price')).toBe(false);
    expect(product.price).toBeUndefined();
  });

  it('hooks, transforms, virtuals and discriminators do what they do to a miss', async () => {
    const schema = new mongoose.Schema({ name: String }, { discriminatorKey: 'kind' });
    schema.virtual('upper').get(function () {
      return this.name?.toUpperCase();
    });
    let found = 0;
    schema.post('find', () => void (found += 1));
    const Plant = shop.connection.model('Plant', schema);
    const Tree = Plant.discriminator('Tree', new mongoose.Schema({ height: Number }));
    await Tree.create({ name: 'oak', height: 20 });
    await Plant.create({ name: 'moss' });
    const transformed = () =>
      Plant.find()
        .sort('name')
        .transform((plants) => plants.map((plant) => plant.get('upper') as string))
        .cache();
    expect(await hit(transformed)).toEqual(['MOSS', 'OAK']);
    expect(found).toBe(2);
    const [, oak] = await hit(() => Plant.find().sort('name').cache(50));
    expect(oak).toBeInstanceOf(Tree);
    expect(await hit(() => Tree.find().cache())).toHaveLength(1);
    expect(await hit(() => Tree.aggregate([{ $count: 'n' }]).cache())).toEqual([{ n: 1 }]);
    await Plant.updateOne({ name: 'oak' }, { name: 'elm' });
    expect((await Tree.find().cache())[0]?.name).toBe('elm');
    await shop.cache.clearModelCache('Plant');
    expect(await shop.readsOf(() => Tree.find().cache())).toBe(1);
  });

  it('an error on what was found is an error on a hit', async () => {
    const ask = () => shop.Product.findOne({ name: 'Oak' }).orFail(new Error('no such product')).cache();
    await expect(ask()).rejects.toThrow('no such product');
    expect(await shop.readsOf(() => expect(ask()).rejects.toThrow('no such product'))).toBe(0);
  });

  it('hooks of aggregates run, and see their model', async () => {
    const schema = new mongoose.Schema({ name: String });
    const models: unknown[] = [];
    schema.pre('aggregate', function () {
      models.push(this.model());
      this.append({ $project: { _id: 0 } });
    });
    const Herb = shop.connection.model('Herb', schema);
    await Herb.create({ name: 'mint' });
    const ask = () => Herb.aggregate([{ $match: { name: 'mint' } }, { $project: { __v: 0 } }]).cache();
    expect(await hit(ask)).toEqual([{ name: 'mint' }]);
    expect(models).toEqual([Herb, Herb]);
  });
});
