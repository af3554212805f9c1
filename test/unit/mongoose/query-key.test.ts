import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import mongoose from 'mongoose';
import { queryKey } from '../../../src/cache/mongoose/query-key.js';
import type { Place, Read } from '../../../src/cache/mongoose/read.js';

const { BSON } = mongoose.mongo;
const { ObjectId, Decimal128, Long, Double, Int32, Binary, UUID, Timestamp, MinKey, MaxKey } = BSON;
const place: Place = { cluster: 'a:27017', database: 'shop', collection: 'products', model: 'Product' };

const key = (read: Partial<Read>, at: Partial<Place> = {}) =>
  queryKey({ operation: 'find', options: {}, ...read }, { ...place, ...at }, BSON);
const byFilter = (filter: unknown) => key({ filter });
const id = new ObjectId('65f0c0ffee65f0c0ffee65f0');

describe('two reads with the same meaning have the same key', () => {
  const pairs: [string, unknown, unknown][] = [
    ['fields in another order', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['operators in another order', { a: { $gt: 1, $lt: 9 } }, { a: { $lt: 9, $gt: 1 } }],
    ['below $and', { $and: [{ a: 1, b: 2 }] }, { $and: [{ b: 2, a: 1 }] }],
    ['below $not', { a: { $not: { $gt: 1, $lt: 9 } } }, { a: { $not: { $lt: 9, $gt: 1 } } }],
    [
      'below $elemMatch',
      { a: { $elemMatch: { x: 1, y: { $gt: 1, $lt: 2 } } } },
      { a: { $elemMatch: { y: { $lt: 2, $gt: 1 }, x: 1 } } },
    ],
    ['another instance of an ObjectId', { _id: id }, { _id: new ObjectId(id.toHexString()) }],
    ['another instance of a Date', { at: new Date(5) }, { at: new Date(5) }],
    ['1 and Int32 1', { n: 1 }, { n: new Int32(1) }],
    ['no filter and an empty one', undefined, {}],
  ];
  it.each(pairs)('%s', (_, one, other) => {
    expect(byFilter(one)).toMatch(/^[\w-]{43}$/);
    expect(byFilter(one)).toBe(byFilter(other));
  });

  it('fields of a projection in another order', () => {
    const project = (projection: object) => key({ options: { projection } });
    expect(project({ a: 1, b: 1 })).toBe(project({ b: 1, a: 1 }));
  });

  it('whatever does not change the result', () => {
    const plain = key({});
    for (const options of [
      { comment: 'list' },
      { maxTimeMS: 50 },
      { batchSize: 10 },
      { readConcern: { level: 'local' } },
      { session: { id: 1 } },
      { autopopulate: false, maxDepth: 3, _depth: 1 },
      { promoteLongs: false },
      { skip: undefined, limit: undefined },
    ])
      expect(key({ options })).toBe(plain);
  });
});

describe('two reads that may differ in their result have different keys', () => {
  it('what a majority has, and what one server has', () => {
    const asked = (options: Read['options'], at: Partial<Place> = {}) => key({ options }, at);
    const majority = asked({ readConcern: { level: 'majority' } });
    expect(majority).toMatch(/^[\w-]{43}$/);
    expect(majority).not.toBe(asked({}));
    expect(majority).not.toBe(asked({ readConcern: { level: 'available' } }));
    expect(majority).toBe(asked({}, { readConcern: 'majority' }));
    expect(majority).toBe(asked({ readConcern: 'majority' }));
    expect(asked({ readConcern: { level: 'local' } }, { readConcern: 'majority' })).toBe(asked({}));
  });

  it('each type of a value is itself', () => {
    const values = [
      id,
      id.toHexString(),
      new Date(0),
      new Date(0).toISOString(),
      0,
      '0',
      0n,
      new Double(0),
      Decimal128.fromString('0'),

      null,
      true,
      false,
      1,
      1.5,
      'true',
      '',
      [],
      {},
      [[]],
      [null],
      new Long(0, 1),
      new Timestamp({ t: 0, i: 1 }),

      new MinKey(),
      new MaxKey(),
      /a/,
      /a/i,
      /a/m,
      'a',
      '/a/',
      { $regex: 'a' },
      { $regex: 'a', $options: 'i' },

      Buffer.from('a'),
      new Binary(Buffer.from('a'), 5),
      new UUID(),
      { x: 1 },
      { x: '1' },
      { $in: [1] },
      { $in: [1, 2] },

      { $gt: 1 },
      { $gte: 1 },
      { $eq: [1] },
      { $ne: 1 },
      { $exists: true },
      { $exists: false },
      { $size: 1 },
    ];
    const keys = values.map((value) => byFilter({ field: value }));
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(values.length);
  });

  const pairs: [string, Partial<Read>, Partial<Read>][] = [
    [
      'literal sub-documents in another order',
      { filter: { a: { x: 1, y: 2 } } },
      { filter: { a: { y: 2, x: 1 } } },
    ],
    ['sort orders', { options: { sort: { a: 1, b: 1 } } }, { options: { sort: { b: 1, a: 1 } } }],
    [
      '$sort orders',
      { pipeline: [{ $sort: { a: 1, b: 1 } }], operation: 'aggregate' },
      { pipeline: [{ $sort: { b: 1, a: 1 } }], operation: 'aggregate' },
    ],
    [
      'stages in another order',
      { pipeline: [{ $skip: 1 }, { $limit: 2 }], operation: 'aggregate' },
      { pipeline: [{ $limit: 2 }, { $skip: 1 }], operation: 'aggregate' },
    ],
    ['skip and limit', { options: { skip: 1 } }, { options: { limit: 1 } }],
    ['projections', { options: { projection: { a: 1 } } }, { options: { projection: { a: 0 } } }],
    ['collations', { options: { collation: { locale: 'en' } } }, { options: {} }],
    ['hints', { options: { hint: 'a_1' } }, { options: {} }],
    ['operations', { operation: 'find' }, { operation: 'findOne' }],
    ['find and count', { operation: 'find' }, { operation: 'countDocuments' }],
    ['fields of distinct', { operation: 'distinct', field: 'a' }, { operation: 'distinct', field: 'b' }],
    [
      'values of distinct decoded otherwise',
      { operation: 'distinct', field: 'a', options: { promoteLongs: false } },
      { operation: 'distinct', field: 'a', options: { promoteLongs: true } },
    ],
    [
      'undefined that is kept and undefined that is not',
      { filter: { a: undefined } },
      { filter: { a: undefined }, options: { ignoreUndefined: true } },
    ],
  ];
  it.each(pairs)('%s', (_, one, other) => {
    expect(key(one)).toBeDefined();
    expect(key(one)).not.toBe(key(other));
  });

  it.each([{ cluster: 'b:27017' }, { database: 'other' }, { collection: 'others' }, { model: 'Other' }])(
    'another place: %o',
    (at) => {
      expect(key({}, at)).not.toBe(key({}));
    },
  );

  it('any two filters of random types', () => {
    const scalar = fc.oneof(
      fc.integer(),
      fc.double({ noNaN: true }),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
    );
    const filter = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,3}$/),
      fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.record({ $gt: scalar, $lte: scalar })),
      { maxKeys: 4 },
    );
    fc.assert(
      fc.property(filter, filter, (one, other) => {
        const bytes = (each: object) => Buffer.from(BSON.serialize(inOrder(each))).toString('hex');
        expect(byFilter(one) === byFilter(other)).toBe(bytes(one) === bytes(other));
      }),
      { numRuns: 500 },
    );
  });
});

it('values of any depth have the same key exactly if they are sent as the same bytes', () => {
  // Text that looks like the inside of a key, too.
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'s 1 : i ; { } [ ] b d 0 n $'.split(' ')), maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  const small = fc.integer({ min: -2, max: 2 });
  const scalar = fc.oneof(
    text,
    small,
    fc.double(),
    small.map((value) => new Int32(value)),
    small.map((value) => new Double(value)),
    small.map((value) => BigInt(value)),
    small.map((value) => Long.fromNumber(value)),
    small.map((value) => new Date(value)),
    small.map((value) => Decimal128.fromString(String(value))),
    small.map((value) => new Timestamp({ t: 1, i: value + 2 })),
    fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
    fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 3 }).map((bytes) => new Binary(bytes, 128)),
    fc.constantFrom(null, true, false, -0, 0, new MinKey(), new MaxKey(), /a/, /a/i, '$$ROOT'),
  );
  const name = text.filter((one) => !one.includes('\0') && !one.startsWith('$'));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'value' },
      scalar,
      fc.array(tie('value'), { maxLength: 3, depthIdentifier: 'value' }),
      fc.dictionary(name, tie('value'), { maxKeys: 3, depthIdentifier: 'value' }),
    ),
  }));
  const bytes = (each: unknown) => Buffer.from(BSON.serialize({ each })).toString('hex');
  // Each beside many others, so that those that are alike meet.
  fc.assert(
    fc.property(fc.array(value, { minLength: 2, maxLength: 40 }), (values) => {
      const keys = new Map<string | undefined, string>();
      const sent = new Set<string>();
      for (const each of values) {
        keys.set(byFilter({ field: { $eq: each } }), bytes(each));
        sent.add(bytes(each));
      }
      expect(keys.has(undefined)).toBe(false);
      expect(new Set(keys.values()).size).toBe(keys.size);
      expect(keys.size).toBe(sent.size);
    }),
    { numRuns: 25, seed: 77 },
  );
});

const inOrder = (filter: object) =>
  Object.fromEntries(Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1)));

describe('a read that is not fully understood has no key', () => {
  class Custom {
    field = 1;
  }
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const filters: [string, unknown][] = [
    ['$where', { $where: 'this.a > 1' }],
    ['$where with a function', { $where: () => true }],
    ['$expr with the time', { $expr: { $gt: ['$at', '$$NOW'] } }],
    ['$expr with chance', { $expr: { $lt: [{ $rand: {} }, 0.5] } }],
    ['$sampleRate', { $sampleRate: 0.5 }],
    ['a function', { a: () => 1 }],
    ['a symbol', { a: Symbol('a') }],
    ['an instance of a class', { a: new Custom() }],
    ['something that only says it is an ObjectId', { _id: { _bsontype: 'ObjectId', id: 'x' } }],
    ['an unknown type of BSON', { a: { _bsontype: 'Novelty' } }],
    ['a cycle', cycle],
    ['a list', []],
    ['a list where $and wants one of conditions', { $and: [[1]] }],
  ];
  it.each(filters)('%s in the filter', (_, filter) => {
    expect(byFilter(filter)).toBeUndefined();
  });

  it.each([
    { tomorrow: true },
    { raw: true },
    { batchSize: -3 },
    { allowPartialResults: true },
    { tailable: true },
    { projection: { x: { $rand: {} } } },
    { let: { now: '$$NOW' } },
  ])('options %o', (options) => {
    expect(key({ options })).toBeUndefined();
  });

  it.each([
    [{ $sample: { size: 1 } }],
    [{ $addFields: { now: '$$NOW' } }],
    [{ $addFields: { now: '$$NOW.x' } }],
    [{ $facet: { a: [{ $addFields: { r: { $rand: {} } } }] } }],
    [{ $group: { _id: 1, x: { $accumulator: {} } } }],
    [{ $addFields: { x: { $function: { body: 'f', args: [], lang: 'js' } } } }],
    [{ $redact: { $cond: ['$$USER_ROLES.role', '$$KEEP', '$$PRUNE'] } }],
  ])('pipeline %j', (stage) => {
    expect(key({ operation: 'aggregate', pipeline: [stage] })).toBeUndefined();
  });
});

it('a field named like a method of objects is a field', () => {
  const filter: unknown = JSON.parse('{"__proto__": 1, "constructor": 2}');
  expect(byFilter(filter)).toBeDefined();
  expect(byFilter(filter)).not.toBe(byFilter({ constructor: 2 }));
});
