import assert from 'node:assert';
import { createRequire } from 'node:module';
import vm from 'node:vm';
import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { CacheValueError } from '../../../src/cache/cache.errors.js';
import { decodeValue, encodeValue } from '../../../src/cache/engine/codec.js';
import { anyValue, withHoles } from './any-value.js';

const bson = mongoose.mongo.BSON;
const { ObjectId, Decimal128, Long, Binary, UUID } = bson;
const roundTrip = (value: unknown) => {
  const { codec, payload } = encodeValue(value);
  return decodeValue(codec, payload);
};
const nested = (levels: number, inside: unknown = 0): unknown => {
  let value = inside;
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { next: value };
  return value;
};

describe('A cached value comes back as what it was', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['zero', 0],
    ['minus zero', -0],
    ['NaN', Number.NaN],
    ['Infinity', Number.NEGATIVE_INFINITY],
    ['the least and the greatest number', [Number.MIN_VALUE, Number.MAX_VALUE, -Number.MAX_VALUE]],
    ['a string with a lone surrogate', '\ud800x'],
    ['BigInt', 12_345_678_901_234_567_890n],
    ['a negative BigInt', -255n],
    ['Date', new Date('2026-02-14T08:00:00.123Z')],
    ['Buffer', Buffer.from([0, 1, 255])],
    [
      'Map',
      new Map<unknown, unknown>([
        ['a', new Date(0)],
        [{ k: 1 }, new Set([1n])],
      ]),
    ],
    ['Set', new Set([1, 'a', null])],
    ['RegExp', /ro[st]e\/\d+/giu],
    ['URL', new URL('https://flora.example/a?b=c#d')],
    ['Float64Array', new Float64Array([1.5, -0, Number.NaN])],
    ['BigInt64Array', new BigInt64Array([1n, -2n])],
    ['Uint8Array', new Uint8Array([1, 2])],
    [
      'a typed array in the middle of its buffer',
      new Uint16Array(new Uint16Array([1, 2, 3, 4]).buffer, 2, 2),
    ],
    ['ObjectId', new ObjectId('0123456789abcdef01234567')],
    ['Decimal128', Decimal128.fromString('12.340')],
    ['Decimal128, minus zero', Decimal128.fromString('-0E-6176')],
    ['Long', Long.fromString('9223372036854775807')],
    ['an unsigned Long', Long.fromString('18446744073709551615', true)],
    ['Binary', new Binary(Buffer.from('petal'), 5)],
    ['UUID', new UUID('6f1c4a52-7d0e-4a39-8a35-1f2f3c4d5e6f')],
    ['Binary of the subtype of UUID', new Binary(Buffer.from('too short'), 4)],
    ['Timestamp', new bson.Timestamp({ t: 4_294_967_295, i: 1 })],
    ['Int32 and Double', [new bson.Int32(-5), new bson.Double(-0), new bson.Double(5)]],
    ['MinKey and MaxKey', [new bson.MinKey(), new bson.MaxKey()]],
    ['Code', [new bson.Code('() => x', { x: new ObjectId('0123456789abcdef01234567') }), new bson.Code('1')]],
    [
      'DBRef',
      new bson.DBRef('flowers', new ObjectId('0123456789abcdef01234567'), 'shop', { at: new Date(1) }),
    ],
    ['BSONRegExp', new bson.BSONRegExp('^ro', 'imx')],
    ['BSONSymbol', new bson.BSONSymbol('rose')],
    ['nested, with undefined members', { a: [undefined, { b: undefined, c: [new Date(1)] }] }],
    ['an array with a hole', withHoles([1, 'a hole', { at: new Date(1) }])],
    ['arrays of holes', [withHoles(['a hole', 'a hole']), withHoles([0, 'a hole'])]],
    ['an object with our own tag', { $flora: ['date', 5], x: 1 }],
    ['an object with our own tag beside a Date', [new Date(5), { $flora: ['date', 5], x: 1 }]],
    ['an object with __proto__', JSON.parse('{"__proto__":{"polluted":true},"a":{"$flora":1}}')],
    ['an object with __proto__ that holds a Date', Object.fromEntries([['__proto__', { at: new Date(5) }]])],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1, at: new Date(2) })],
    ['members called as methods are', { constructor: 'x', toJSON: 5, toString: null, hasOwnProperty: [1] }],
    ['members called as those of BSON are', { _bsontype: 'ObjectId', $ref: 'x', $date: 'y', $oid: 1 }],
    ['an empty object and array', [{}, []]],
    ['many levels', nested(900, new Date(5))],
    ['frozen', Object.freeze([Object.freeze({ at: Object.freeze(new Date(5)) })])],
  ])('%s', (_, value) => {
    assert.deepStrictEqual(roundTrip(value), value);
    assert.deepStrictEqual(roundTrip({ value }), { value });
  });

  it('for any data at all, in the same bytes each time, and when what came back is stored again', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const first = encodeValue(value);
        const back = decodeValue(first.codec, first.payload);
        assert.deepStrictEqual(back, value);
        assert.deepStrictEqual(encodeValue(value), first);
        assert.deepStrictEqual(encodeValue(back), first);
      }),
      { numRuns: 2_000, seed: 2_026 },
    );
  });

  it('for plain JSON as JSON, whatever its members are called', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (drawn) => {
        const value: unknown = JSON.parse(JSON.stringify(drawn)); // -0 is none of JSON's
        const { codec, payload } = encodeValue(value);
        expect(codec).toBe('json');
        expect(payload.toString()).toBe(JSON.stringify(value));
        assert.deepStrictEqual(decodeValue(codec, payload), value);
      }),
      { numRuns: 1_000, seed: 2_026 },
    );
  });

  it('an invalid Date', () => {
    expect(roundTrip({ at: [new Date(Number.NaN)] })).toStrictEqual({ at: [new Date(Number.NaN)] });
  });

  it('where a RegExp was in its text, a URL with all its parts', () => {
    const regExp = /a/g;
    regExp.lastIndex = 7;
    expect(roundTrip(regExp)).toHaveProperty('lastIndex', 7);
    expect((roundTrip(new URL('https://a:b@flora.example:8443/ü?x=%20#y')) as URL).href).toBe(
      'https://a:b@flora.example:8443/%C3%BC?x=%20#y',
    );
  });

  it('from another realm', () => {
    const value: unknown = vm.runInNewContext(`({
      plain: { a: [1, { b: 2 }] }, at: new Date(5), map: new Map([[{ a: 1 }, new Set([1n])]]),
      pattern: /a/gi, numbers: new Float32Array([1.5]) })`);
    assert.deepStrictEqual(roundTrip(value), {
      plain: { a: [1, { b: 2 }] },
      at: new Date(5),
      map: new Map([[{ a: 1 }, new Set([1n])]]),
      pattern: /a/gi,
      numbers: new Float32Array([1.5]),
    });
  });

  it('from another copy of bson', () => {
    const require = createRequire(import.meta.url);
    const path = require.resolve('bson');
    const known = require.cache[path];
    delete require.cache[path];
    const other = require(path) as typeof bson;
    require.cache[path] = known;
    expect(other.ObjectId).not.toBe(ObjectId);
    const of = ({ ObjectId, UUID, Decimal128, Long }: typeof bson) => [
      new ObjectId('0123456789abcdef01234567'),
      new UUID('6f1c4a52-7d0e-4a39-8a35-1f2f3c4d5e6f'),
      Decimal128.fromString('1.5'),
      Long.fromNumber(5),
    ];
    assert.deepStrictEqual(roundTrip(of(other)), of(bson));
  });

  it('does not pollute prototypes', () => {
    roundTrip(JSON.parse('{"__proto__":{"polluted":1},"d":{"$flora":["x"]}}'));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('also what earlier versions wrote', () => {
    const typed = (data: unknown) => decodeValue('typed', Buffer.from(JSON.stringify(data)));
    const tag = (...content: unknown[]) => ({ $flora: content });
    assert.deepStrictEqual(typed(tag('bigint', '-12345678901234567890')), -12_345_678_901_234_567_890n);
    assert.deepStrictEqual(typed(tag('decimal', '12.340')), Decimal128.fromString('12.340'));
    assert.deepStrictEqual(typed(tag('regexp', ['a+', 'g'])), /a+/g);
    assert.deepStrictEqual(typed(tag('object', [['__proto__', 1]])), JSON.parse('{"__proto__":1}'));
    assert.deepStrictEqual(
      typed(tag('binary', ['bxxKUn0OSjmKNR8vPE1ebw==', 4])),
      new UUID('6f1c4a52-7d0e-4a39-8a35-1f2f3c4d5e6f'),
    );
  });
});

describe('What says itself how it is written, or is data of a class', () => {
  it('an instance of a class of its own comes back as its data, a DTO as its toJSON()', () => {
    class Point {
      constructor(
        readonly x = 1,
        readonly at = new Date(5),
      ) {}
    }
    class Money {
      toJSON() {
        return { cents: 5 };
      }
    }
    assert.deepStrictEqual(roundTrip(new Point()), { x: 1, at: new Date(5) });
    assert.deepStrictEqual(roundTrip({ price: new Money() }), { price: { cents: 5 } });
    assert.deepStrictEqual(roundTrip({ price: { toJSON: () => new Date(5) } }), { price: new Date(5) });
  });

  it('a list of DTOs that hold plain data is written as JSON', () => {
    class Flower {
      name = 'rose';
      $flora = ['date', 5];
    }
    const { codec, payload } = encodeValue([new Flower()]);
    expect(codec).toBe('json');
    assert.deepStrictEqual(decodeValue(codec, payload), [{ name: 'rose', $flora: ['date', 5] }]);
  });

  it('subclasses come back as what they extend', () => {
    class Stamps extends Map<string, number> {}
    class Row extends Array<number> {}
    assert.deepStrictEqual(roundTrip(new Stamps([['a', 1]])), new Map([['a', 1]]));
    assert.deepStrictEqual(roundTrip(Row.of(1, 2)), [1, 2]);
  });

  it('Mongoose documents, their arrays and maps', () => {
    const flower = new mongoose.Schema({
      name: String,
      tags: [String],
      prices: { type: Map, of: mongoose.Schema.Types.Decimal128 },
      parts: [new mongoose.Schema({ colour: String })],
      photo: Buffer,
      soldAt: Date,
    });
    const document = new mongoose.Mongoose().model('Flower', flower).hydrate({
      _id: new ObjectId('0123456789abcdef01234567'),
      name: 'rose',
      tags: ['red', 'long'],
      prices: { eur: Decimal128.fromString('2.50') },
      parts: [{ _id: new ObjectId('0123456789abcdef01234568'), colour: 'green' }],
      photo: Buffer.from('x'),
      soldAt: new Date(5),
    });
    expect(roundTrip(document)).toMatchObject({
      _id: new ObjectId('0123456789abcdef01234567'),
      tags: ['red', 'long'],
      soldAt: new Date(5),
    });
    assert.deepStrictEqual(roundTrip({ tags: document.tags }), { tags: ['red', 'long'] });
    assert.deepStrictEqual(roundTrip(document.prices), new Map([['eur', Decimal128.fromString('2.50')]]));
    assert.deepStrictEqual(roundTrip(document.photo), Buffer.from('x'));
    assert.deepStrictEqual(roundTrip(document.parts), [
      { _id: new ObjectId('0123456789abcdef01234568'), colour: 'green' },
    ]);
  });

  it('getters give what they say; members with symbols for names are left out', () => {
    const value = {
      get total() {
        return 5n;
      },
      [Symbol('note')]: () => 1,
    };
    assert.deepStrictEqual(roundTrip(value), { total: 5n });
  });

  it('proxies are what they show', () => {
    const shown = new Proxy(
      { a: 1 },
      { get: (target, name) => (name === 'a' ? [2] : Reflect.get(target, name)) },
    );
    assert.deepStrictEqual(roundTrip({ shown, list: new Proxy([1, 5n], {}) }), {
      shown: { a: [2] },
      list: [1, 5n],
    });
  });

  it('leaves the value alone', () => {
    const value = { at: new Date(5), list: [new Map([['a', undefined]])], $flora: 1 };
    const before = structuredClone(value);
    encodeValue(value);
    assert.deepStrictEqual(value, before);
  });
});

describe('What has no faithful bytes is refused with its place', () => {
  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a promise', Promise.resolve(1)],
    ['an error', new Error('x')],
    ['an error of another realm', vm.runInNewContext('new TypeError("x")')],
    ['a WeakMap', new WeakMap()],
    ['an ArrayBuffer', new ArrayBuffer(4)],
    ['a DataView', new DataView(new ArrayBuffer(4))],
    ['a boxed string', Object('x')],
    ['a boxed BigInt', Object(1n)],
    ['a generator', (function* () {})()],
    ['an iterator', new Map().entries()],
    ['Headers', new Headers({ a: 'b' })],
    ['URLSearchParams', new URLSearchParams('a=b')],
    ['a Blob', new Blob(['x'])],
    ['a signal', AbortSignal.abort()],
    ['a DOMException', new DOMException('x')],
    ['a proxy of a Map', new Proxy(new Map(), {})],
    ['a class that only calls itself an ObjectId', new (class { get _bsontype() { return 'ObjectId'; } })()], // prettier-ignore
    ['an array of holes', Object.assign([], { length: 4_000_000_000 })],
  ])('%s', (_, value) => {
    expect(() => encodeValue({ list: [1, { value }] })).toThrow(CacheValueError);
    expect(() => encodeValue({ list: [1, { value }] })).toThrow(/list\[1\]\.value/);
  });

  it('a cycle, but not the same object twice', () => {
    const shared = { a: 1 };
    assert.deepStrictEqual(roundTrip([shared, shared]), [{ a: 1 }, { a: 1 }]);
    const [one, other] = roundTrip([shared, shared]) as object[];
    expect(one).not.toBe(other);
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    expect(() => encodeValue(cycle)).toThrow(/\[0\]\.cycle is a cycle/);
  });

  it('a cycle through Map, Set, toJSON() and a wide web of objects', () => {
    const map = new Map<string, unknown>();
    map.set('self', new Set([map]));
    expect(() => encodeValue({ map })).toThrow(/map.* is a cycle/);
    const endless = { toJSON: () => ({ endless }) };
    expect(() => encodeValue(endless)).toThrow(/cycle/);
    const fresh = (): object => ({ toJSON: () => ({ next: fresh() }) });
    expect(() => encodeValue(fresh())).toThrow(/deeper than 1000/);
    const web = Array.from({ length: 50 }, () => ({ to: [] as unknown[] }));
    for (const one of web) one.to = [...web];
    expect(() => encodeValue(web)).toThrow(/cycle/);
  });

  it('levels without end, as an error of ours and not of the stack', () => {
    assert.deepStrictEqual(roundTrip(nested(1_000)), nested(1_000));
    for (const levels of [1_001, 20_000, 1_000_000]) {
      expect(() => encodeValue(nested(levels))).toThrow(CacheValueError);
      expect(() => encodeValue(nested(levels))).toThrow(/deeper than 1000 levels/);
    }
    let maps: unknown = 1;
    for (let level = 0; level < 20_000; level++) maps = new Map([[level, maps]]);
    expect(() => encodeValue(maps)).toThrow(/deeper than 1000 levels/);
    let most: unknown = 1;
    for (let level = 0; level < 333; level++) most = new Map([[level, most]]);
    assert.deepStrictEqual(roundTrip(most), most);
  });

  it('the same objects again and again, more often than any text could hold', () => {
    let value: unknown = { at: new Date(5) };
    for (let level = 0; level < 60; level++) value = [value, value];
    expect(() => encodeValue(value)).toThrow(CacheValueError);
  });
});
