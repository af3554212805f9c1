import assert from 'node:assert';
import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { decodeValue, encodeValue } from '../../../src/cache/engine/codec.js';
import { frozen, isolated } from '../../../src/cache/engine/isolation.js';
import { anyValue, withHoles } from './any-value.js';

const { ObjectId, Long, DBRef } = mongoose.mongo.BSON;
const decoded = <T>(value: T): T => {
  const { codec, payload } = encodeValue(value);
  return decodeValue(codec, payload) as T;
};

/** All objects in a value, those inside Map, Set and BSON types included, and the memory under typed arrays. */
function partsOf(value: unknown, parts = new Set<unknown>()): Set<unknown> {
  if (typeof value !== 'object' || value === null || parts.has(value)) return parts;
  parts.add(value);
  if (ArrayBuffer.isView(value)) return Buffer.isBuffer(value) ? parts : parts.add(value.buffer);
  if (value instanceof Map || value instanceof Set) [...value].forEach((member) => partsOf(member, parts));
  for (const member of Object.values(value)) partsOf(member, parts);
  return parts;
}

describe('isolated: each caller has a value of its own', () => {
  it('equal to the decoded one, with nothing shared', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const original = decoded(value);
        const copy = isolated(original);
        assert.deepStrictEqual(copy, original);
        assert.deepStrictEqual(encodeValue(copy), encodeValue(original));
        const parts = partsOf(original);
        for (const part of partsOf(copy)) expect(parts.has(part)).toBe(false);
      }),
      { numRuns: 1_000, seed: 2_029 },
    );
  });

  it('whatever a caller does to it, the next one does not see', () => {
    const original = decoded({
      list: [{ name: 'rose', sizes: [1, 2] }],
      at: new Date(5),
      buffer: Buffer.from('abc'),
      numbers: new Float64Array([1, 2]),
      map: new Map([[{ key: 1 }, { member: 1 }]]),
      set: new Set([{ member: 1 }]),
      pattern: /a/g,
      url: new URL('https://flora.example/a'),
      id: new ObjectId('0123456789abcdef01234567'),
      long: Long.fromNumber(5),
      ref: new DBRef('flowers', new ObjectId('0123456789abcdef01234567'), undefined, { more: [1] }),
      bare: Object.assign(Object.create(null) as object, { list: [1] }),
    });
    const before = encodeValue(original);
    const copy = isolated(original);
    copy.list[0]!.sizes.push(3);
    copy.list.length = 0;
    copy.at.setTime(0);
    copy.buffer.fill(0);
    copy.numbers.fill(0);
    for (const [key, member] of copy.map) key.key = member.member = 2;
    copy.map.clear();
    for (const member of copy.set) member.member = 2;
    copy.set.clear();
    copy.pattern.exec('a');
    copy.url.pathname = '/b';
    copy.id.id.fill(0);
    copy.long.low = 6;
    copy.ref.fields['more'].push(2);
    copy.bare.list.push(2);
    assert.deepStrictEqual(encodeValue(original), before);
  });

  it('small Longs, of which bson keeps one each, are nobody else’s', () => {
    const one = decoded(Long.fromNumber(1));
    one.low = 7;
    isolated(decoded(Long.fromNumber(2))).low = 7;
    expect(Long.fromNumber(1).toNumber()).toBe(1);
    expect(Long.fromString('2').toNumber()).toBe(2);
  });

  it('holes, members called __proto__ and missing prototypes stay', () => {
    const value = [
      withHoles(['a hole', { a: 1 }]),
      JSON.parse('{"__proto__":{"a":[1]}}'),
      Object.create(null),
    ] as object[];
    assert.deepStrictEqual(isolated(decoded(value)), value);
    expect(isolated(value[0])).not.toHaveProperty('0');
  });

  it('a copy of what was frozen is not', () => {
    const shared = frozen(decoded({ list: [{ a: 1 }] }))!;
    const copy = isolated(shared);
    copy.list.push({ a: 2 });
    copy.list[0]!.a = 3;
    expect(copy).toEqual({ list: [{ a: 3 }, { a: 2 }] });
    expect(shared).toEqual({ list: [{ a: 1 }] });
  });

  it('what no decoding gives is copied as the cache would give it back', () => {
    class Point {
      x = [1];
    }
    const point = new Point();
    expect(isolated(point)).toStrictEqual({ x: [1] });
    expect(isolated({ point }).point.x).not.toBe(point.x);
  });

  it('at 1000 levels', () => {
    let value: unknown = 1;
    for (let level = 0; level < 1_000; level++) value = [value];
    assert.deepStrictEqual(isolated(decoded(value)), value);
    expect(frozen(decoded(value))).toBeDefined();
  });
});

describe('frozen: one value for all callers', () => {
  it('is the value itself, frozen all through', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (drawn) => {
        const value = decoded(drawn);
        if (value === undefined) return;
        expect(frozen(value)).toBe(value);
        for (const part of partsOf(value)) expect(Object.isFrozen(part)).toBe(true);
      }),
      { numRuns: 500, seed: 2_030 },
    );
  });

  it('also with undefined members, BigInt, holes and without a prototype', () => {
    const value = decoded({
      a: undefined,
      b: 1n,
      c: withHoles(['a hole', -0]),
      d: Object.assign(Object.create(null), { e: [] }),
    });
    expect(frozen(value)).toBe(value);
    for (const part of partsOf(value)) expect(Object.isFrozen(part)).toBe(true);
  });

  it.each([
    ['Date', new Date(5)],
    ['Map', new Map()],
    ['Set', new Set()],
    ['Buffer', Buffer.from('a')],
    ['a typed array', new Float64Array(1)],
    ['RegExp', /a/],
    ['URL', new URL('https://flora.example')],
    ['ObjectId', new ObjectId('0123456789abcdef01234567')],
  ])('is not there with a %s in it, and nothing was frozen', (_, member) => {
    const value = decoded({ first: { a: [1] }, list: [[member]], last: {} });
    expect(frozen(value)).toBeUndefined();
    for (const part of partsOf(value)) expect(ArrayBuffer.isView(part) || !Object.isFrozen(part)).toBe(true);
  });
});
