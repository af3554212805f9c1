import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import mongoose from 'mongoose';
import { describeWith } from '../../servers/index.js';
import { openShop, productSchema, type Shop } from './shop.js';

describeWith(['mongo', 'redis'], 'what Mongoose allows beside the usual', () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop.close());
  beforeEach(() => shop.Product.deleteMany({}));

  it.each([
    ['a number', 5],
    ['a name that no tag can have', 'red@shop'],
  ])('a model named by %s is cached, and its writes are writes', async (_, name) => {
    const { connection } = shop;
    const Base = connection.model(`Base of ${name}`, productSchema(), 'products');
    const Kind = Base.discriminator(name, new mongoose.Schema({ stems: Number }));
    const find = () => Kind.find().lean().cache();
    await Kind.create({ name: 'Rose' });
    expect(await find()).toHaveLength(1);
    expect(await shop.readsOf(find)).toBe(0);
    await Kind.create({ name: 'Tulip' });
    expect(await find()).toHaveLength(2);
    await shop.Product.deleteMany({});
    expect(await find()).toHaveLength(0);
  });

  it('a connection that was removed answers from nowhere', async () => {
    const other = shop.connection.useDb(`${shop.connection.name}-2`);
    const Product = other.model('Product', productSchema());
    const findOne = () => Product.findOne().cache();
    expect(await findOne()).toBeNull();
    expect(await findOne()).toBeNull();
    (shop.connection as unknown as { removeDb(name: string): void }).removeDb(other.name);
    await expect(findOne()).rejects.toThrow('Connection was force closed');
  });

  it('a connection that was closed answers from nowhere, one that is opened anew as before', async () => {
    const shop = await openShop({ mongoose: { bufferCommands: false } });
    const { connection, Product, uri } = shop;
    await Product.create({ name: 'Rose' });
    const findOne = () => Product.findOne().lean().cache();
    expect(await findOne()).toMatchObject({ name: 'Rose' });
    await connection.close();
    await expect(findOne()).rejects.toThrow(mongoose.mongo.MongoNotConnectedError);
    await connection.openUri(uri);
    expect(await findOne()).toMatchObject({ name: 'Rose' });
    await shop.close();
  });
});
