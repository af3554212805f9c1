import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { decodeValue, encodeValue } from '../../../src/cache/engine/codec.js';

const { ObjectId, Decimal128, Long, Binary, UUID } = mongoose.mongo.BSON;
const roundTrip = (value: unknown) => {
  const { codec, payload } = encodeValue(value);
  return decodeValue(codec, payload);
};

describe('A cached value comes back as what it was', () => {
  it.each([
    ['null', null],
    ['undefined', undefined],
    ['zero', 0],
    ['minus zero', -0],
    ['NaN', Number.NaN],
    ['Infinity', Number.NEGATIVE_INFINITY],
    ['a string with a lone surrogate', '\ud800x'],
    ['BigInt', 12_345_678_901_234_567_890n],
    ['Date', new Date('2026-02-14T08:00:00.123Z')],
    ['an invalid Date', new Date(Number.NaN)],
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
    ['ObjectId', new ObjectId('0123456789abcdef01234567')],
    ['Decimal128', Decimal128.fromString('12.340')],
    ['Long', Long.fromString('9223372036854775807')],
    ['Binary', new Binary(Buffer.from('petal'), 5)],
    ['UUID', new UUID('6f1c4a52-7d0e-4a39-8a35-1f2f3c4d5e6f')],
    ['nested, with undefined members', { a: [undefined, { b: undefined, c: [new Date(1)] }] }],
    ['an object with our own tag', { $flora: ['date', 5], x: 1 }],
    ['an object with __proto__', JSON.parse('{"__proto__":{"polluted":true},"a":{"$flora":1}}')],
    ['an empty object and array', [{}, []]],
  ])('%s', (_, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
    expect(roundTrip({ value })).toStrictEqual({ value });
  });

  it('for any data at all', () => {
    const data = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: false,
      withNullPrototype: false,
    });
    fc.assert(
      fc.property(data, (value) => {
        expect(roundTrip(value)).toEqual(value);
      }),
      { numRuns: 500, seed: 2_026 },
    );
  });

  it('does not pollute prototypes', () => {
    roundTrip(JSON.parse('{"__proto__":{"polluted":1},"d":{"$flora":["x"]}}'));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

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
    expect(roundTrip(new Point())).toEqual({ x: 1, at: new Date(5) });
    expect(roundTrip({ price: new Money() })).toEqual({ price: { cents: 5 } });
  });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a promise', Promise.resolve(1)],
    ['an error', new Error('x')],
    ['a WeakMap', new WeakMap()],
    ['an ArrayBuffer', new ArrayBuffer(4)],
  ])('refuses %s and says where it is', (_, value) => {
    expect(() => encodeValue({ list: [1, { value }] })).toThrow(/list\[1\]\.value/);
  });

  it('refuses a cycle, but not the same object twice', () => {
    const shared = { a: 1 };
    expect(roundTrip([shared, shared])).toEqual([shared, shared]);
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    expect(() => encodeValue(cycle)).toThrow(/cycle/);
  });
});
