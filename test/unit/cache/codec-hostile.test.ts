import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeValue, encodeValue, type ValueCodec } from '../../../src/cache/engine/codec.js';
import { isolated } from '../../../src/cache/engine/isolation.js';
import { KINDS } from '../../../src/cache/engine/typed-json.js';
import { anyValue } from './any-value.js';

const kinds = [...KINDS.keys(), 'undefined', 'number', 'bigint', 'holes', 'object', 'bare', 'decimal'];
const typed = (json: string) => decodeValue('typed', Buffer.from(json));
const globals = () =>
  [Object, Array, Map, Date, Function].map(({ prototype }) => Reflect.ownKeys(prototype).length);

/** Either a clean error, or a value that can be handed out, stored again and read again. */
function decodesOrThrows(codec: ValueCodec, payload: Buffer): boolean {
  const before = globals();
  let value: unknown;
  try {
    value = decodeValue(codec, payload);
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return false;
  } finally {
    expect(globals()).toEqual(before);
  }
  const again = encodeValue(value);
  expect(encodeValue(decodeValue(again.codec, again.payload))).toEqual(again);
  expect(encodeValue(isolated(value))).toEqual(again);
  return true;
}

describe('Bytes that are not ours give a value or a SyntaxError, nothing else', () => {
  it('payloads of ours with a few bytes changed, gone, doubled or cut', () => {
    let decoded = 0;
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat({ max: 4 }),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
        fc
          .constantFrom('"', '{', '}', '[', ']', ',', ':', '$flora', '1e999', '__proto__')
          .map((text) => Buffer.from(text)),
      ),
    });
    fc.assert(
      fc.property(
        anyValue,
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (value, changes, isCut) => {
          const { codec, payload } = encodeValue(value);
          let bytes: Buffer = payload;
          for (const { at, remove, insert } of changes) {
            const start = Math.floor(at * bytes.length);
            bytes = Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + remove)]);
          }
          if (isCut) bytes = bytes.subarray(0, Math.floor(bytes.length * (changes[0]?.at ?? 0)));
          if (decodesOrThrows(codec, bytes)) decoded++;
          decodesOrThrows(codec === 'json' ? 'typed' : 'json', bytes);
        },
      ),
      { numRuns: 2_000, seed: 2_027 },
    );
    expect(decoded).toBeGreaterThan(10); // not only what JSON refuses
  });

  it('JSON with our tags of every shape', () => {
    let decoded = 0;
    const name = fc.constantFrom(
      '$flora',
      '__proto__',
      'constructor',
      'length',
      'a',
      '0',
      'buffer',
      'toString',
    );
    const text = fc.oneof(
      fc.string(),
      fc.base64String({ maxLength: 24 }),
      fc.constantFrom('0123456789abcdef01234567', 'AAAAAAAAAAAAAAAAAAAAAA==', '-0x1f', '12', 'Float64Array'),
      fc.constantFrom(
        'Int8Array',
        'g',
        '(',
        'https://flora.example',
        'NaN',
        '-0',
        'constructor',
        '__proto__',
      ),
    );
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: 'medium' },
        fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
        fc.array(tie('json'), { maxLength: 4 }),
        fc.array(fc.tuple(name, tie('json')), { maxLength: 3 }).map(Object.fromEntries),
        fc
          .tuple(fc.oneof(fc.constantFrom(...kinds), text), tie('json'))
          .map((content) => ({ $flora: content })),
        fc.tuple(fc.constantFrom(...kinds), tie('data')).map((content) => ({ $flora: content })),
        fc.array(tie('json'), { maxLength: 3 }).map((content) => ({ $flora: content })),
        fc.tuple(tie('json'), tie('json')).map(([$flora, more]) => ({ $flora, more })),
      ),
      data: fc.oneof(
        { depthSize: 'medium' },
        text,
        fc.tuple(text, fc.oneof(text, fc.nat({ max: 300 }), fc.boolean())),
        fc.tuple(fc.nat(), fc.nat()),
        fc.array(fc.tuple(tie('json'), tie('json')), { maxLength: 3 }),
        fc.array(fc.tuple(text, tie('json')), { maxLength: 3 }),
        fc.tuple(fc.array(fc.nat({ max: 3 })), fc.array(tie('json'), { maxLength: 4 })),
        fc.array(fc.tuple(text, tie('json')), { maxLength: 3 }).map(Object.fromEntries),
      ),
    }));
    fc.assert(
      fc.property(json, (data) => {
        if (decodesOrThrows('typed', Buffer.from(JSON.stringify(data)))) decoded++;
      }),
      { numRuns: 5_000, seed: 2_028 },
    );
    expect(decoded).toBeGreaterThan(500);
  });

  it.each(kinds.filter((kind) => !['undefined', 'minKey', 'maxKey'].includes(kind)))(
    'a %s made of the wrong things',
    (kind) => {
      const wrong = [
        '{"length":10000000000}',
        '{"id":"x"}',
        'true',
        '[[[]]]',
        '["x",1e300]',
        '[{"length":1e10},0]',
      ];
      for (const data of [
        ...wrong,
        '[1,2,3,4,5]',
        '"é"',
        '-1.5',
        '["constructor","AAAA"]',
        '[[4294967295],[1]]',
      ]) {
        if (kind === 'double' && data === '-1.5') continue;
        if ((kind === 'set' || kind === 'bsonSymbol') && decodesOrThrows('typed', tagBytes(kind, data)))
          continue;
        if (kind === 'bare' && data.startsWith('{')) continue;
        expect(() => typed(`{"$flora":["${kind}",${data}]}`)).toThrow(SyntaxError);
      }
      expect(() => typed(`{"$flora":["${kind}"]}`)).toThrow(SyntaxError);
    },
  );

  it.each([
    '{"$flora":["constructor",1]}',
    '{"$flora":["__proto__",{}]}',
    '{"$flora":["toString"]}',
    '{"$flora":[]}',
    '{"$flora":"date"}',
    '{"$flora":null}',
    '{"$flora":["date",5,6]}',
    '{"$flora":["date",5],"x":1}',
    '{"$flora":[["date"],5]}',
    '{"$flora":["array",["Float64Array","AAAA"]]}',
    '{"$flora":["array",["Array","AAAA"]]}',
    '{"$flora":["regexp",["a","gg"]]}',
    '{"$flora":["url","no url"]}',
    '{"$flora":["buffer","*no base64*"]}',
    '{"$flora":["number","5"]}',
    '{"$flora":["decimal128","AAAA"]}',
    '',
    '{',
    '"\\x"',
    '\ufeff1',
    'undefined',
  ])('%s', (json) => {
    expect(() => typed(json)).toThrow(SyntaxError);
  });

  it('bytes that are not UTF-8, which would come back as other text', () => {
    const payload = Buffer.concat([Buffer.from('"ros'), Buffer.from([0xe9]), Buffer.from('"')]);
    expect(() => decodeValue('json', payload)).toThrow(SyntaxError);
    expect(() => decodeValue('typed', payload)).toThrow(SyntaxError);
    expect(() => decodeValue('bson', Buffer.from('1'))).toThrow(SyntaxError);
  });

  it('a million levels', () => {
    const levels = 1_000_000;
    const arrays = '['.repeat(levels) + ']'.repeat(levels);
    const objects = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    const sets = `${'{"$flora":["set",['.repeat(levels / 10)}1${']]}'.repeat(levels / 10)}`;
    for (const text of [arrays, objects, sets]) {
      expect(() => decodeValue('json', Buffer.from(text))).toThrow(SyntaxError);
      expect(() => decodeValue('typed', Buffer.from(text))).toThrow(SyntaxError);
    }
  });

  it('a BigInt of so many decimal digits that it would take long', () => {
    expect(() => typed(`{"$flora":["bigint","${'9'.repeat(4_000_000)}"]}`)).toThrow(SyntaxError);
    expect(typed(`{"$flora":["bigint","0x${'f'.repeat(4_000_000)}"]}`)).toBeTypeOf('bigint');
  });

  it('a member called __proto__ sets none', () => {
    const json = '{"__proto__":{"isAdmin":true},"a":{"__proto__":{"$flora":["date",5]}}}';
    for (const codec of ['json', 'typed'] as const) {
      const value = decodeValue(codec, Buffer.from(json)) as Record<string, object>;
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.getPrototypeOf(value['a'])).toBe(Object.prototype);
      expect(value['isAdmin']).toBeUndefined();
      expect(isolated(value)['isAdmin']).toBeUndefined();
    }
  });
});

const tagBytes = (kind: string, data: string) => Buffer.from(`{"$flora":["${kind}",${data}]}`);
