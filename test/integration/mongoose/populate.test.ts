import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import mongoose, { type HydratedDocument, type Model } from 'mongoose';
import { cacheDefaults } from '../../../src/cache/mongoose/cache-defaults.js';
import { describeWith } from '../../servers/index.js';
import { openShop, type Shop } from './shop.js';

interface City {
  name: string;
}
interface Florist {
  name: string;
  open: boolean;
  city?: mongoose.Types.ObjectId | City;
}
interface Bouquet {
  name: string;
  florist?: mongoose.Types.ObjectId | Florist;
  florists: (mongoose.Types.ObjectId | Florist)[];
  madeBy?: mongoose.Types.ObjectId | Florist | City;
  makers?: string;
}
interface Filled {
  name: string;
  florist?: Florist & { city?: City };
  florists: Florist[];
  madeBy?: { name: string };
}
interface Review {
  bouquet: mongoose.Types.ObjectId;
  text: string;
}
interface Virtuals {
  reviews: { text: string }[];
  reviewCount: number;
}

type Bouquets = Model<Bouquet, object, object, Virtuals>;

describeWith(['mongo', 'redis'], 'what is populated', () => {
  let shop: Shop;
  let City: Model<City>;
  let Florist: Model<Florist>;
  let Bouquet: Bouquets;
  let Review: Model<Review>;
  const sent: string[] = [];

  beforeAll(async () => {
    shop = await openShop();
    const { Schema } = mongoose;
    const { ObjectId } = Schema.Types;
    City = shop.connection.model<City>('City', new Schema<City>({ name: String }));
    Florist = shop.connection.model<Florist>(
      'Florist',
      new Schema<Florist>({ name: String, open: Boolean, city: { type: ObjectId, ref: 'City' } }),
    );
    const bouquets = new Schema<Bouquet, Model<Bouquet, object, object, Virtuals>, object, object, Virtuals>({
      name: String,
      florist: { type: ObjectId, ref: 'Florist' },
      florists: [{ type: ObjectId, ref: 'Florist' }],
      madeBy: { type: ObjectId, refPath: 'makers' },
      makers: String,
    });
    bouquets.virtual('reviews', { ref: 'Review', localField: '_id', foreignField: 'bouquet' });
    bouquets.virtual('reviewCount', {
      ref: 'Review',
      localField: '_id',
      foreignField: 'bouquet',
      count: true,
    });
    Bouquet = shop.connection.model<Bouquet, Bouquets>('Bouquet', bouquets);
    Review = shop.connection.model<Review>(
      'Review',
      new Schema<Review>({
        bouquet: { type: ObjectId },
        text: String,
      }),
    );
    shop.connection.getClient().on('commandStarted', ({ commandName, command }) => {
      const { find } = command as { find?: string };
      if (commandName === 'find' && find) sent.push(find);
    });
  });
  afterAll(() => shop.close());

  beforeEach(async () => {
    await Promise.all(
      [City, Florist, Bouquet, Review].map((model) => (model as Model<unknown>).deleteMany({})),
    );
    const city = await City.create({ name: 'Delft' });
    const hortus = await Florist.create({ name: 'Hortus', open: true, city: city._id });
    const flora = await Florist.create({ name: 'Flora', open: false, city: city._id });
    const spring = await Bouquet.create({
      name: 'Spring',
      florist: hortus._id,
      florists: [hortus._id, flora._id],
      madeBy: hortus._id,
      makers: 'Florist',
    });
    await Bouquet.create({ name: 'Summer', florist: flora._id, madeBy: city._id, makers: 'City' });
    await Review.create({ bouquet: spring._id, text: 'lovely' });
  });

  /** Collections that `ask` reads from in the database. */
  const read = async (ask: () => unknown) => {
    const before = sent.length;
    await ask();
    return sent.slice(before).sort();
  };
  const bouquets = () => Bouquet.find().sort('name');

  it('is read once, and is fresh after a write to it, for which nothing else is read', async () => {
    for (const ask of [
      () => bouquets().populate<Filled>('florist').cache(60),
      () => bouquets().populate<Filled>('florist').lean<Filled[]>().cache(60),
      () => bouquets().cache(60).populate<Filled>('florist'),
    ]) {
      await shop.cache.clear();
      await Bouquet.updateOne({ name: 'Spring!' }, { name: 'Spring' });
      expect(await read(ask)).toEqual(['bouquets', 'florists']);
      expect(await read(ask)).toEqual([]);
      const name = new mongoose.Types.ObjectId().toHexString();
      await Florist.updateOne({ name: (await ask())[0]?.florist?.name ?? '' }, { name });
      expect(await read(ask)).toEqual(['florists']);
      expect((await ask()).map(({ florist }) => florist?.name)).toEqual([name, 'Flora']);
      await Bouquet.updateOne({ name: 'Spring' }, { name: 'Spring!' });
      expect(await read(ask)).toEqual(['bouquets']);
    }
  });

  type Populated = { lean(): PromiseLike<unknown[]>; cache(ttl?: number): PromiseLike<unknown[]> };
  const shapes: [string, () => Populated, string[]][] = [
    ['one path', () => bouquets().populate('florist'), ['florists']],
    ['a list', () => bouquets().populate('florists'), ['florists']],
    ['several paths', () => bouquets().populate('florist reviews'), ['florists', 'reviews']],
    ['nested', () => bouquets().populate({ path: 'florist', populate: 'city' }), ['cities', 'florists']],
    [
      'nested, as objects',
      () => bouquets().populate([{ path: 'florist', populate: [{ path: 'city', select: 'name' }] }]),
      ['cities', 'florists'],
    ],
    ['a virtual', () => bouquets().populate('reviews'), ['reviews']],
    ['a count', () => bouquets().populate('reviewCount'), ['reviews']],
    ['a match', () => bouquets().populate({ path: 'florists', match: { open: true } }), ['florists']],
    [
      'a match by document',
      () => bouquets().populate({ path: 'florists', match: () => ({ open: true }) }),
      ['florists'],
    ],
    [
      'a match by document, nested',
      () => bouquets().populate({ path: 'florists', match: () => ({ open: true }), populate: 'city' }),
      ['cities', 'florists'],
    ],
    ['a refPath', () => bouquets().populate('madeBy'), ['cities', 'florists']],
    [
      'options',
      () => bouquets().populate({ path: 'florists', select: 'name', options: { sort: '-name', limit: 1 } }),
      ['florists'],
    ],
    [
      'a limit for each document',
      () => bouquets().populate({ path: 'florists', perDocumentLimit: 1 }),
      ['florists'],
    ],
    ['a transform', () => bouquets().populate({ path: 'florist', transform: String }), ['florists']],
  ];
  it.each(shapes)('%s: from the cache, the same as without', async (_, make, collections) => {
    for (const [plain, ask] of [
      [() => make() as PromiseLike<unknown[]> & Populated, () => make().cache(60)],
      [() => make().lean(), () => (make().lean() as unknown as Populated).cache(60)],
    ] as const) {
      await shop.cache.clear();
      expect(await read(ask)).toEqual(['bouquets', ...collections].sort());
      expect(await read(ask)).toEqual([]);
      const simple = (found: unknown) => JSON.stringify(found);
      expect(simple(await ask())).toBe(simple(await plain()));
      await Florist.updateMany({}, { name: new mongoose.Types.ObjectId().toHexString() });
      await City.updateMany({}, { name: new mongoose.Types.ObjectId().toHexString() });
      await Review.create({
        bouquet: (await Bouquet.findOne({ name: 'Spring' }).orFail())._id,
        text: 'again',
      });
      expect(simple(await ask())).toBe(simple(await plain()));
    }
  });

  it('findOne and findById populate from the cache, too', async () => {
    const { _id } = await Bouquet.findOne({ name: 'Spring' }).orFail();
    for (const ask of [
      () => Bouquet.findOne({ name: 'Spring' }).populate<Filled>('florist').cache(),
      () => Bouquet.findById(_id).populate<Filled>('florist').orFail().cache(),
    ]) {
      expect((await ask())?.florist?.name).toBe('Hortus');
      expect(await read(ask)).toEqual([]);
    }
  });

  it('documents are the caller’s own, can be changed and saved', async () => {
    const ask = () =>
      Bouquet.findOne({ name: 'Spring' })
        .populate<{ florist: HydratedDocument<Florist> }>('florist')
        .orFail()
        .cache();
    const first = await ask();
    first.florist.name = 'Renamed';
    const second = await ask();
    expect(second.populated('florist')).toEqual(first.florist._id);
    expect(second.florist.name).toBe('Hortus');
    second.florist.name = 'Saved';
    await second.florist.save();
    expect((await ask()).florist.name).toBe('Saved');
  });

  it('a clone and a reusable query do the same, whatever they populate by then', async () => {
    const query = bouquets().cache();
    const clone = () => query.clone().populate('florist').clone();
    expect(await read(clone)).toEqual(['bouquets', 'florists']);
    expect(await read(clone)).toEqual([]);
    const Reusable = bouquets().populate('florists').cache().toConstructor();
    await new Reusable();
    expect(await read(() => new Reusable())).toEqual([]);
  });

  it('paths that a hook adds are among them', async () => {
    const schema = new mongoose.Schema({ florist: { type: mongoose.Schema.Types.ObjectId, ref: 'Florist' } });
    schema.pre(['find', 'findOne'], function () {
      void this.populate('florist');
    });
    const Vase = shop.connection.model('Vase', schema);
    await Vase.create({ florist: (await Florist.findOne().orFail())._id });
    const ask = () => Vase.find().cache();
    expect(await read(ask)).toEqual(['florists', 'vases']);
    expect(await read(ask)).toEqual([]);
  });

  it('a custom key names the answer alone; tags and ttl are those of all its parts', async () => {
    const ask = () =>
      bouquets()
        .populate('florist')
        .cache({ key: 'page', tags: ['front-page'], ttl: 60 });
    await ask();
    expect(await shop.cache.get<Bouquet[]>('page')).toMatchObject([{ name: 'Spring' }, { name: 'Summer' }]);
    await shop.cache.delete('page');
    expect(await read(ask)).toEqual(['bouquets']);
    await shop.cache.invalidateTags('front-page');
    expect(await read(ask)).toEqual(['bouquets', 'florists']);
    await shop.cache.clearModelCache('Florist');
    expect(await read(ask)).toEqual(['florists']);
  });

  it('unmarked queries populate from the database, whatever was cached, and `.cache(false)` as well', async () => {
    await bouquets().populate('florist').cache();
    expect(await read(() => bouquets().populate('florist'))).toEqual(['bouquets', 'florists']);
    expect(await read(() => bouquets().populate('florist').cache(false))).toEqual(['bouquets', 'florists']);
    const paths = [{ path: 'florist' }];
    await bouquets().populate(paths).cache();
    expect(await read(() => bouquets().populate(paths))).toEqual(['bouquets', 'florists']);
    expect(paths).toEqual([{ path: 'florist' }]);
    const query = bouquets().populate('florist').cache();
    await query;
    expect(await read(() => query.clone().cache(false))).toEqual(['bouquets', 'florists']);
  });

  it('in a transaction all of it is read from the database', async () => {
    const ask = () => bouquets().populate<Filled>({ path: 'florist', populate: 'city' }).cache();
    await ask();
    await shop.connection.transaction(async (session) => {
      await Florist.updateOne({ name: 'Hortus' }, { name: 'Not yet' }, { session });
      const inside = async () => {
        const found = await ask().session(session);
        expect(found[0]?.florist?.name).toBe('Not yet');
      };
      expect(await read(inside)).toEqual(['bouquets', 'cities', 'florists']);
      expect((await ask())[0]?.florist?.name).toBe('Hortus');
    });
    expect((await ask())[0]?.florist?.name).toBe('Not yet');
  });

  it('a schema that caches its finds caches what is populated with them; its defaults stand below', async () => {
    const { Schema } = mongoose;
    const Shelf = shop.connection.model('Shelf', new Schema({ name: String }).plugin(cacheDefaults));
    const Box = shop.connection.model(
      'Box',
      new Schema({ shelf: { type: Schema.Types.ObjectId, ref: 'Shelf' } }),
    );
    await Box.create({ shelf: (await Shelf.create({ name: 'top' }))._id });
    const unmarked = () => Box.find().populate<{ shelf: { name: string } }>('shelf');
    expect(await read(unmarked)).toEqual(['boxes', 'shelves']);
    expect(await read(unmarked)).toEqual(['boxes']);
    expect(await read(() => unmarked().cache())).toEqual(['boxes']);
    expect(await read(() => unmarked().cache())).toEqual([]);
    expect(await read(() => unmarked().cache(false))).toEqual(['boxes', 'shelves']);
    await Shelf.updateOne({}, { name: 'bottom' });
    expect((await unmarked().cache())[0]?.shelf.name).toBe('bottom');
  });

  it('of a model on another connection is answered by that connection’s cache, or not at all', async () => {
    const other = await openShop();
    const Far = other.connection.model<City>('Far', new mongoose.Schema<City>({ name: String }));
    const Near = shop.connection.model(
      'Near',
      new mongoose.Schema({ far: { type: mongoose.Schema.Types.ObjectId, ref: Far } }),
    );
    try {
      await Near.create({ far: (await Far.create({ name: 'Rome' }))._id });
      const ask = () => Near.find().populate<{ far: City }>('far').cache();
      await ask();
      expect(other.cache.stats().fills).toBe(1);
      expect(await other.readsOf(ask)).toBe(0);
      await Far.updateOne({}, { name: 'Oslo' });
      expect((await ask())[0]?.far.name).toBe('Oslo');
      other.plugin.detach();
      expect(await other.readsOf(ask)).toBe(1);
    } finally {
      await other.close();
    }
  });
});
