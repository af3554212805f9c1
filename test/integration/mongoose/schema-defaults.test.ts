import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import mongoose, { type Model } from 'mongoose';
import { createCache } from '../../../src/cache/cache.service.js';
import { QueryCacheError } from '../../../src/cache/cache.errors.js';
import { cacheDefaults, type CacheDefaults } from '../../../src/cache/mongoose/cache-defaults.js';
import { MongooseCachePlugin } from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import { describeWith, mongo, redis } from '../../servers/index.js';
import { openShop, type Shop } from './shop.js';

interface Flower {
  name: string;
  price?: number;
}

let models = 0;

describeWith(['mongo', 'redis'], 'a schema that says how its queries are cached', () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop.close());
  beforeEach(() => shop.cache.clear());

  const schemaOf = (options?: CacheDefaults) =>
    new mongoose.Schema<Flower>({ name: String, price: Number }).plugin(cacheDefaults, options);
  const flowers = async (options?: CacheDefaults) => {
    models += 1;
    const Flower = shop.connection.model<Flower>(`Flower${models}`, schemaOf(options));
    await Flower.create([
      { name: 'Rose', price: 12 },
      { name: 'Fern', price: 30 },
    ]);
    return Flower;
  };
  const twice = async (ask: () => unknown) => {
    await ask();
    return shop.readsOf(ask);
  };

  it('finds are answered from the cache without .cache(), and fresh after a write', async () => {
    const Flower = await flowers({ ttl: 60 });
    const { _id } = await Flower.findOne({ name: 'Rose' }).orFail();
    const asks: (() => PromiseLike<unknown>)[] = [
      () => Flower.find(),
      () => Flower.find().lean(),
      () => Flower.findOne({ name: 'Rose' }),
      () => Flower.findById(_id).lean(),
      () => Flower.exists({ name: 'Rose' }),
    ];
    for (const ask of asks) expect(await twice(ask)).toBe(0);
    await Flower.updateOne({ _id }, { price: 13 });
    expect((await Flower.findById(_id).lean())?.price).toBe(13);
    expect((await Flower.find({ name: 'Rose' }))[0]?.price).toBe(13);
  });

  it('counts, distinct and aggregates are not, unless said', async () => {
    const Finds = await flowers({ ttl: 60 });
    const All = await flowers({
      operations: ['find', 'findOne', 'countDocuments', 'estimatedDocumentCount', 'distinct', 'aggregate'],
    });
    const Counts = await flowers({ operations: ['countDocuments'] });
    const asks = (Flower: Model<Flower>): (() => PromiseLike<unknown>)[] => [
      () => Flower.find(),
      () => Flower.countDocuments({ name: 'Rose' }),
      () => Flower.estimatedDocumentCount(),
      () => Flower.distinct('name'),
      () => Flower.aggregate([{ $match: { name: 'Rose' } }]),
    ];
    const reads = async (Flower: Model<Flower>) => {
      const counted = [];
      for (const ask of asks(Flower)) counted.push(await twice(ask));
      return counted;
    };
    expect(await reads(Finds)).toEqual([0, 1, 1, 1, 1]);
    expect(await reads(All)).toEqual([0, 0, 0, 0, 0]);
    expect(await reads(Counts)).toEqual([1, 0, 1, 1, 1]);
  });

  it('`.cache(false)`, and a ttl of 0, take it back: for the query, its clones and an aggregate', async () => {
    const Flower = await flowers({ operations: ['find', 'findOne', 'aggregate'] });
    expect(await twice(() => Flower.find().cache(false))).toBe(1);
    expect(await twice(() => Flower.find().cache(0))).toBe(1);
    expect(await twice(() => Flower.find().cache(false).clone())).toBe(1);
    expect(await twice(() => Flower.find().cache().cache(false))).toBe(1);
    expect(await twice(() => Flower.find().cache(false).cache())).toBe(0);
    const Reusable = Flower.find().cache(false).toConstructor();
    expect(await twice(() => new Reusable())).toBe(1);
    expect(await twice(() => Flower.aggregate([{ $sort: { name: 1 } }]).cache(false))).toBe(1);
  });

  it('what a query says for itself is on top: ttl, key and tags; the schema fills in the rest', async () => {
    const Flower = await flowers({ ttl: 60, tags: ['flowers'] });
    const left = async (key: string) => (await shop.cache.ttl(key)) ?? 0;
    await Flower.find().cache({ key: 'as-the-schema-says' });
    expect(await left('as-the-schema-says')).toBeGreaterThan(50);
    expect(await left('as-the-schema-says')).toBeLessThanOrEqual(60);
    await Flower.find({ name: 'Rose' }).cache({ key: 'own', ttl: 600, tags: ['front-page'] });
    expect(await left('own')).toBeGreaterThan(500);
    await shop.cache.invalidateTags('front-page');
    expect([await shop.cache.has('own'), await shop.cache.has('as-the-schema-says')]).toEqual([false, true]);
    await Flower.aggregate([{ $match: {} }]).cache({ key: 'aggregate' });
    expect(await left('aggregate')).toBeLessThanOrEqual(60);
    await shop.cache.invalidateTags('flowers');
    expect([await shop.cache.has('as-the-schema-says'), await shop.cache.has('aggregate')]).toEqual([
      false,
      false,
    ]);
  });

  it('a stale result is served as the schema says', async () => {
    let now = 1_000_000;
    const other = await openShop({ cache: { clock: { now: () => now } } });
    try {
      const Flower = other.connection.model<Flower>('Flower', schemaOf({ ttl: 10, staleTtl: 60 }));
      await Flower.create({ name: 'Rose' });
      await Flower.find();
      now += 20_000;
      expect(await Flower.find()).toHaveLength(1);
      expect(other.cache.stats().staleHits).toBe(1);
    } finally {
      await other.close();
    }
  });

  it('discriminators inherit it; what one says for itself counts for it', async () => {
    const Flower = await flowers({ ttl: 60 });
    const Tree = Flower.discriminator(`Tree${models}`, new mongoose.Schema({ height: Number }));
    const Herb = Flower.discriminator(
      `Herb${models}`,
      new mongoose.Schema({ smell: String }).plugin(cacheDefaults, {
        operations: ['countDocuments'],
        ttl: 600,
      }),
    );
    await Tree.create({ name: 'Oak', height: 20 });
    await Herb.create({ name: 'Mint' });
    expect(await twice(() => Tree.find())).toBe(0);
    expect(await twice(() => Tree.countDocuments())).toBe(1);
    expect(await twice(() => Herb.countDocuments())).toBe(0);
    await Herb.countDocuments().cache({ key: 'herbs' });
    expect(await shop.cache.ttl('herbs')).toBeGreaterThan(500);
    await Flower.updateOne({ name: 'Oak' }, { name: 'Elm' });
    expect((await Tree.find())[0]?.name).toBe('Elm');
  });

  it('hooks of the schema that change the filter are seen, wherever the plugin stands', async () => {
    const schema = new mongoose.Schema<Flower>({ name: String, price: Number });
    let most = 20;
    const bounded = function (this: mongoose.Query<unknown, Flower>) {
      void this.where('price').lte(most);
    };
    schema.pre('find', bounded);
    schema.plugin(cacheDefaults);
    schema.pre('find', function () {
      void this.where('price').gte(1);
    });
    const Flower = shop.connection.model<Flower>('Bounded', schema);
    await Flower.create([
      { name: 'Rose', price: 12 },
      { name: 'Fern', price: 30 },
      { name: 'Weed', price: 0 },
    ]);
    const ask = async () => (await Flower.find().sort('name').lean()).map(({ name }) => name);
    expect(await ask()).toEqual(['Rose']);
    most = 40;
    expect(await ask()).toEqual(['Fern', 'Rose']);
    expect(await shop.readsOf(ask)).toBe(0);
  });

  it('writes are never marked, not even by a query that was a read before', async () => {
    const Flower = await flowers();
    const query = Flower.find({ name: 'Rose' });
    await query;
    await query.clone().updateMany({}, { price: 1 });
    await Flower.find({ name: 'Fern' }).updateOne({}, { price: 2 });
    await Flower.findOneAndUpdate({ name: 'Rose' }, { $inc: { price: 1 } });
    const rose = await Flower.findOne({ name: 'Rose' }).orFail();
    rose.price = (rose.price ?? 0) + 1;
    await rose.save();
    await Flower.deleteMany({ name: 'Fern' });
    expect((await Flower.find().lean()).map(({ price }) => price)).toEqual([3]);
  });

  it('cursors, reads in a transaction and queries without middleware go to the database', async () => {
    const Flower = await flowers();
    expect(await twice(() => Flower.find().cursor().next())).toBe(1);
    // Mongoose 8 has no such option, and runs the hooks.
    const withoutHooks = mongoose.version.startsWith('8.') ? 0 : 1;
    expect(await twice(() => Flower.find().setOptions({ middleware: false }))).toBe(withoutHooks);
    await Flower.find();
    await shop.connection.transaction(async (session) => {
      await Flower.updateOne({ name: 'Rose' }, { price: 99 }, { session });
      const read = await Flower.findOne({ name: 'Rose' }).session(session);
      expect(read?.price).toBe(99);
    });
  });

  it('models compiled before and after their connection is attached; none of it where it is not', async () => {
    const { url, namespace } = redis();
    const cache = await createCache({ redis: { url }, namespace });
    const base = new mongoose.Mongoose();
    const schema = () => schemaOf({ operations: ['find', 'aggregate'] });
    const Before = base.model('Before', schema());
    await base.connect(mongo());
    const plugin = new MongooseCachePlugin(cache);
    try {
      await Before.create({ name: 'Rose' });
      await Before.find();
      await Before.aggregate([{ $match: {} }]);
      expect(cache.stats().fills).toBe(0);
      plugin.attach(base);
      const After = base.model('After', schema());
      for (const Flower of [Before, After]) {
        const fills = cache.stats().fills;
        await Flower.find();
        await Flower.find();
        await Flower.aggregate([{ $match: {} }]);
        await Flower.aggregate([{ $match: {} }]);
        expect(cache.stats().fills - fills).toBe(2);
      }
      plugin.detach();
      const fills = cache.stats().fills;
      expect(await Before.find({ name: 'Rose' })).toHaveLength(1);
      expect(await Before.aggregate([{ $match: { name: 'Rose' } }])).toHaveLength(1);
      expect(cache.stats().fills).toBe(fills);
    } finally {
      plugin.detach();
      await base.disconnect();
      await cache.close();
    }
  });

  it('an `aggregate` that the schema has of its own stays, and is cached', async () => {
    const schema = new mongoose.Schema<Flower>({ name: String }, { statics: {} });
    schema.static('aggregate', function (this: Model<Flower>, pipeline: mongoose.PipelineStage[]) {
      return mongoose.Model.aggregate.call(this, [...pipeline, { $limit: 1 }]);
    });
    schema.plugin(cacheDefaults, { operations: ['aggregate'] });
    const Flower = shop.connection.model<Flower>('Limited', schema);
    await Flower.create([{ name: 'Rose' }, { name: 'Fern' }]);
    const ask = () => Flower.aggregate([{ $match: {} }]);
    expect(await ask()).toHaveLength(1);
    expect(await shop.readsOf(ask)).toBe(0);
  });

  it.each<[string, unknown, RegExp]>([
    ['an unknown option', { tll: 5 }, /cacheDefaults has no option "tll"/],
    ['no options object', 60, /cacheDefaults was given 60/],
    ['a ttl that is none', { ttl: 'soon' }, /cacheDefaults: ttl is "soon"/],
    ['a stale ttl that is none', { staleTtl: -1 }, /cacheDefaults: staleTtl is -1/],
    ['tags that are no list', { tags: 'page' }, /cacheDefaults: tags is "page"/],
    ['a tag that is none', { tags: [5] }, /cacheDefaults: The tag is 5/],
    ['a write', { operations: ['updateOne'] }, /cacheDefaults: operations is an array.*find, findOne/],
  ])('%s is refused when the schema is made', (_, options, message) => {
    const call = () => schemaOf(options as CacheDefaults);
    expect(call).toThrow(QueryCacheError);
    expect(call).toThrow(message);
  });

  it('what is no schema is refused', () => {
    expect(() => cacheDefaults({})).toThrow(QueryCacheError);
    expect(() => cacheDefaults(null as never)).toThrow(QueryCacheError);
  });
});
