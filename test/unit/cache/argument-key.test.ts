import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { argumentKey, ArgumentError, keyName } from '../../../src/cache/methods/argument-key.js';

const { Binary, Decimal128, Double, Int32, Long, ObjectId, UUID } = mongoose.mongo.BSON;
const keyOf = (...args: unknown[]) => argumentKey('Shop.list', args);

class Query {
  page = 1;
  category = 'roses';
  next(): number {
    return this.page + 1;
  }
}
class OtherQuery {
  page = 1;
  readonly category = 'roses';
}

describe('Keys of arguments', () => {
  it.each<[unknown[], string]>([
    [[], 'Shop.list'],
    [['roses', 2], 'Shop.list("roses",2)'],
    [[{ category: 'roses', page: 1 }], 'Shop.list({"category":"roses","page":1})'],
    [[new Query()], 'Shop.list(Query{"page":1,"category":"roses"})'],
    [[new Date(5)], 'Shop.list(Date(5))'],
    [[new ObjectId('65a000000000000000000001')], 'Shop.list(ObjectId("65a000000000000000000001"))'],
    [[new Map([['a', new Set([1])]])], 'Shop.list(Map([["a",Set([1])]]))'],
    [[undefined, null], 'Shop.list(undefined,null)'],
  ])('are readable: %j is %s', (args, key) => {
    expect(keyOf(...args)).toBe(key);
  });

  it('tell apart what is not the same in every way', () => {
    const hex = '65a000000000000000000001';
    const distinct: unknown[][] = [
      [],
      [undefined],
      [undefined, undefined],
      [null],
      ['undefined'],
      ['null'],
      [''],
      [[]],
      [[[]]],
      [[undefined]],
      [{}],
      [{ a: undefined }],
      [1],
      ['1'],
      [1n],
      [-1n],
      ['1n'],
      [[1]],
      [1, 2],
      [[1, 2]],
      [[1], 2],
      ['1,2'],
      ['1', '2'],
      ['1","2'],
      [true],
      ['true'],
      [0],
      [-0],
      [Number.NaN],
      ['NaN'],
      [Infinity],
      [-Infinity],
      [{ a: 1, b: 2 }],
      [{ b: 2, a: 1 }],
      [{ a: { b: 1 } }],
      [{ 'a":{"b': 1 }],
      [[['a', 1]]],
      [new Map([['a', 1]])],
      [new Map([[1, 'a']])],
      [new Map([['1', 'a']])],
      [new Set(['a', 1])],
      [new Set([1, 'a'])],
      [{ a: 1 }],
      [new Date(1)],
      [new Date(Number.NaN)],
      ['1970-01-01T00:00:00.001Z'],
      [hex],
      [new ObjectId(hex)],
      [{ $oid: hex }],
      [{ _bsontype: 'ObjectId', id: hex }],
      [Buffer.from('a')],
      [new Uint8Array([97])],
      [new Int8Array([97])],
      ['YQ=='],
      [/a/],
      [/a/g],
      ['/a/'],
      [Object.assign(/a/g, { lastIndex: 1 })],
      [new URL('http://flora.test/')],
      ['http://flora.test/'],
      [Long.fromNumber(1)],
      [Long.fromNumber(1, true)],
      [new Int32(1)],
      [new Double(1)],
      [Decimal128.fromString('1')],
      [Decimal128.fromString('1.0')],
      [new UUID('0189c6e0-0000-7000-8000-000000000001')],
      [new Binary(new UUID('0189c6e0-0000-7000-8000-000000000001').buffer, 4)],
      [new Query()],
      [{ page: 1, category: 'roses' }],
      [new OtherQuery()],
      [JSON.parse('{"__proto__":1}')],
      [JSON.parse('{"__proto__":{}}')],
      [{ constructor: 1 }],
      ['\ud800'],
      ['\ud801'],
      ['\ufffd'],
      ['a\0'],
      ['a\\u0000'],
    ];
    const keys = distinct.map((args) => keyOf(...args));
    expect(new Set(keys).size).toBe(distinct.length);
    for (const key of keys) {
      expect(key.isWellFormed()).toBe(true);
      expect(key).not.toMatch(/\[object|\0/);
    }
  });

  it('are the same for the same arguments, and for no others', () => {
    const small = fc.anything({
      key: fc.constantFrom('a', 'b', '', '__proto__', 'toJSON', 'constructor', '0', '_bsontype', '$oid'),
      values: [
        fc.constantFrom(0, -0, 1, '1', '', ',', '"', '()', '[]', 'a', true, null, undefined, 1n, Number.NaN),
        fc.string({ maxLength: 3, unit: 'binary' }),
        fc.integer(),
        fc.double(),
      ],
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withTypedArray: true,
      maxDepth: 3,
      maxKeys: 2,
    });
    const list = fc.array(small, { maxLength: 3 });
    const bytes = (args: unknown[]) => serialize(args).toString('latin1');
    fc.assert(
      fc.property(list, list, (one, other) => {
        expect(keyOf(...(deserialize(serialize(one)) as unknown[]))).toBe(keyOf(...one));
        expect(keyOf(...one) === keyOf(...other)).toBe(bytes(one) === bytes(other));
      }),
      { numRuns: 3_000 },
    );
  });

  it('are hashed when they would be long, still under the name, and still apart', () => {
    const long = (end: string) => keyOf(`${'r'.repeat(5_000)}${end}`);
    expect(long('a')).toMatch(/^Shop\.list\(#[\w-]{43}\)$/);
    expect(long('a')).toBe(long('a'));
    expect(long('a')).not.toBe(long('b'));
    expect(keyOf(long('a').slice('Shop.list('.length, -1))).not.toBe(long('a'));
  });

  it('of Unicode and of names with dots can not be mistaken for others', () => {
    expect(keyName('Größe')).toBe('Größe');
    expect(keyName('a.b')).toBe('"a.b"');
    expect(keyName('a("x")')).toBe(String.raw`"a(\"x\")"`);
  });

  const cyclic: Record<string, unknown> = { a: { b: [] } };
  (cyclic['a'] as { b: unknown[] }).b.push(cyclic);
  let deep: unknown = 1;
  for (let level = 0; level < 200_000; level += 1) deep = [deep];
  const holes: unknown[] = [];
  holes.length = 4_000_000_000;
  const mixed = Object.assign([] as unknown[], { x: 1 });
  mixed.length = 1;

  class Secret {
    #state = 1;
    read(): number {
      return this.#state;
    }
  }
  class Computed {
    a = 1;
    get b(): number {
      return Math.random();
    }
  }
  class Heir extends Secret {
    a = 1;
  }
  const Probe = new mongoose.Mongoose().model('Probe', new mongoose.Schema({ a: Number }));
  class TenantMap extends Map<string, number> {}

  it.each<[string, () => unknown, RegExp]>([
    ['a function', () => () => 1, /^argument 1 is a function$/],
    ['a symbol', () => ({ a: Symbol('x') }), /^argument 1\.a is a symbol$/],
    ['a cycle', () => cyclic, /^argument 1\.a\.b\.0 is a cycle/],
    ['a Map that holds itself', selfHolding, /^argument 1\.0\.1 is a cycle/],
    ['what is nested deeper than any walk goes', () => deep, /deeper than 1000 levels$/],
    ['billions of holes', () => holes, /an array with holes/],
    ['a hole hidden behind a member', () => mixed, /an array with holes/],
    ['a match of a regular expression', () => /a/.exec('a'), /members of its own/],
    ['a Proxy', () => new Proxy({}, {}), /a Proxy$/],
    ['a revoked Proxy', revoked, /a Proxy$/],
    ['a getter', () => ({ get a() { throw new Error('was read'); } }), /a getter, a$/], // prettier-ignore
    ['a setter', () => ({ set a(_: number) {} }), /a getter, a$/],
    ['a hidden member', () => Object.defineProperty({}, 'a', { value: 1 }), /a hidden member/],
    ['a member with a symbol for a name', () => ({ [Symbol('x')]: 1 }), /Symbol\(x\)$/],
    ['private fields', () => new Secret(), /an instance of Secret, which may hide/],
    ['inherited private fields', () => new Heir(), /an instance of Heir/],
    ['accessors', () => new Computed(), /an instance of Computed/],
    ['a class without a name', () => new (class {})(), /a class without a name/],
    ['a subclass of Map', () => new TenantMap(), /an instance of TenantMap/],
    ['a promise', () => Promise.resolve(1), /an instance of Promise/],
    ['an error', () => new Error('x'), /an instance of Error/],
    ['an AbortSignal', () => new AbortController().signal, /an instance of AbortSignal/],
    ['search parameters', () => new URLSearchParams('a=1'), /an instance of URLSearchParams/],
    ['a boxed string', () => Object('a'), /an instance of String/],
    ['a WeakMap', () => new WeakMap(), /an instance of WeakMap/],
    ['a Mongoose document', () => new Probe({ a: 1 }), /an instance of model/],
    ['a text that takes too long', () => 'x'.repeat(5_000_000), /4194304 characters/],
    ['bytes that take too long', () => Buffer.alloc(5_000_000), /4194304 characters/],
    ['names that take too long', () => ({ ['x'.repeat(5_000_000)]: 1 }), /4194304 characters/],
    ['more values than can be told apart in time', () => Array.from({ length: 100_001 }, () => 0), /100000/],
  ])('there is none for %s', (_, make, message) => {
    expect(() => keyOf(make())).toThrow(ArgumentError);
    expect(() => keyOf(make())).toThrow(message);
  });

  it('an object that is held a thousand million times is refused in time', () => {
    let tangled: unknown = [0];
    for (let level = 0; level < 30; level += 1) tangled = [tangled, tangled];
    expect(() => keyOf(tangled)).toThrow(/more than 100000 values/);
  });

  it('making one changes nothing: no prototype, not the arguments', () => {
    const argument: unknown = JSON.parse('{"__proto__":{"polluted":true},"a":[1]}');
    keyOf(argument);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(JSON.stringify(argument)).toBe('{"__proto__":{"polluted":true},"a":[1]}');
  });
});

function selfHolding(): Map<string, unknown> {
  const map = new Map<string, unknown>();
  return map.set('self', map);
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
