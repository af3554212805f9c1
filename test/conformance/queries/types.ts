import assert from 'node:assert/strict';
import type { Case, Group } from './case.js';
import type { Place } from './place.js';
import type { AnyModel } from './query-cache.js';

/** A value that was written as it is, past the schema, and comes back from the cache as from the database. */
const kept = (name: string, value: (at: Place) => unknown): Case => ({
  name,
  run: async (at) => {
    await at.Product.collection.insertOne({ name: 'Rose', mixed: value(at), list: [value(at)] });
    const ask = () => at.Product.findOne({ name: 'Rose' }).select('mixed list -_id').lean();
    assert.deepStrictEqual(await at.hit(ask), await ask());
    const aggregate = () => at.Product.aggregate([{ $project: { _id: 0, mixed: 1, list: 1 } }]);
    assert.deepStrictEqual(await at.hit(aggregate), await aggregate());
  },
});

const hydrated = (
  name: string,
  fields: (at: Place) => Record<string, unknown>,
  values: Record<string, unknown>,
): Case => ({
  name,
  run: async (at) => {
    const Typed: AnyModel = at.model('Typed', at.schema(fields(at)));
    await Typed.create(values);
    const fresh = await Typed.findOne().orFail();
    const cached = await at.hit(() => Typed.findOne().orFail());
    for (const path of Object.keys(values)) {
      const [is, was] = [cached.get(path), fresh.get(path)] as [unknown, unknown];
      assert.equal(is?.constructor.name, was?.constructor.name, path);
      assert.deepStrictEqual(JSON.stringify(is), JSON.stringify(was), path);
    }
    assert.equal(cached.isModified(), false);
  },
});

export const types: Group = {
  name: 'types after a hit',
  cases: [
    kept('ObjectId', (at) => at.id()),
    kept('Decimal128', ({ mongoose }) => mongoose.mongo.Decimal128.fromString('7.10')),
    kept('Long beyond doubles', ({ mongoose }) => mongoose.mongo.Long.fromString('9007199254740993')),
    kept('Long within them', ({ mongoose }) => mongoose.mongo.Long.fromNumber(5)),
    kept('Int32', ({ mongoose }) => new mongoose.mongo.Int32(5)),
    kept('Double', ({ mongoose }) => new mongoose.mongo.Double(5)),
    kept('-0, NaN and infinity', () => [-0, NaN, Infinity, -Infinity]),
    kept('Date', () => new Date('2026-01-02T03:04:05.678Z')),
    kept('a Date before all others', () => new Date(-8.64e15)),
    kept('bytes', () => Buffer.from([0, 1, 254, 255])),
    kept('UUID', ({ mongoose }) => new mongoose.mongo.UUID('b9c2b6a6-6a60-4d6c-8d6d-0123456789ab')),
    kept('RegExp', () => /^ros[eé]/im),
    kept('Timestamp', ({ mongoose }) => new mongoose.mongo.Timestamp({ t: 7, i: 9 })),
    kept('MinKey and MaxKey', ({ mongoose: { mongo } }) => [new mongo.MinKey(), new mongo.MaxKey()]),
    kept('Code', ({ mongoose }) => new mongoose.mongo.Code('return 1', { a: 1 })),
    kept('DBRef', (at) => new at.mongoose.mongo.DBRef('products', at.id())),
    kept('null, in lists, too', () => ({ a: null, b: [null, 1, null] })),
    kept('empty lists, documents and strings', () => ({ a: [], b: {}, c: '', d: [[]] })),
    kept('strings that look like other things', () => [
      '2026-01-02T03:04:05.678Z',
      '64b7f0f0f0f0f0f0f0f0f0f0',
      '1',
      'null',
    ]),
    kept('strings of all scripts', () => ['Rosé', 'バラ', '🌹', '\u2028', 'a\0b', '\ufeff']),
    kept('members of any name', () => ({ 'a-b': 1, ü: 2, constructor: 3, toString: 4, length: 5, 'a b': 6 })),
    kept('members named like what caches use', () => ({
      $date: 1,
      $numberLong: '5',
      type: 'Buffer',
      data: [1],
    })),
    kept('the order of members', () => ({ z: 1, a: 2, m: { y: 1, b: 2 } })),
    kept('depth', () => Array.from({ length: 40 }).reduce<unknown>((inner) => ({ inner }), 1)),
    kept('a hundred thousand characters', () => 'rose '.repeat(20_000)),
    {
      name: 'undefined, null and missing',
      run: async (at) => {
        await at.Product.collection.insertMany([{ name: 'a' }, { name: 'b', price: null }]);
        const ask = () => at.Product.find().sort('name').lean();
        const [a, b] = (await at.hit(ask)) as Record<string, unknown>[];
        assert.equal('price' in a!, false);
        assert.equal(b!.price, null);
      },
    },
    {
      name: 'distinct values',
      run: async (at) => {
        const ids = [at.id(), at.id()];
        await at.Product.insertMany(ids.map((_id) => ({ _id, soldAt: new Date(5), mixed: { id: _id } })));
        for (const field of ['_id', 'soldAt', 'mixed']) {
          const ask = () => at.Product.distinct(field);
          assert.deepStrictEqual(await at.hit(ask), await ask());
        }
      },
    },
    {
      name: 'exists gives an ObjectId',
      run: async (at) => {
        const [rose] = await at.Product.insertMany([{ name: 'Rose' }]);
        const found = await at.hit(() => at.Product.exists({ name: 'Rose' }));
        const id = found?._id as object | undefined;
        assert.ok(id instanceof at.mongoose.mongo.ObjectId);
        assert.equal(String(id), String(rose?._id));
      },
    },
    hydrated(
      'hydrated: bytes, maps, decimals',
      ({ mongoose: { Schema } }) => ({
        bytes: Buffer,
        map: { type: Map, of: Number },
        cost: Schema.Types.Decimal128,
      }),
      { bytes: Buffer.from('rose'), map: { a: 1 }, cost: '7.10' },
    ),
    hydrated(
      'hydrated: UUID, Int32, Double',
      ({ mongoose: { Schema } }) => ({
        uuid: Schema.Types.UUID,
        int: Schema.Types.Int32,
        double: Schema.Types.Double,
      }),
      { uuid: 'b9c2b6a6-6a60-4d6c-8d6d-0123456789ab', int: 5, double: 5 },
    ),
    hydrated(
      'hydrated: dates, lists of lists, ids',
      ({ mongoose: { Schema } }) => ({ at: Date, lists: [[Number]], ids: [Schema.Types.ObjectId] }),
      { at: new Date(5), lists: [[1], [2, 3]], ids: ['64b7f0f0f0f0f0f0f0f0f0f0'] },
    ),
    {
      name: 'hydrated: BigInt',
      run: async (at) => {
        const Typed = at.model('Typed', at.schema({ big: BigInt }));
        await Typed.create({ big: 9007199254740993n });
        assert.equal((await at.hit(() => Typed.findOne().orFail())).get('big'), 9007199254740993n);
      },
    },
  ],
};
