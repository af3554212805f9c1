import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import mongoose from 'mongoose';
import {
  decodeDocuments,
  newLikeness,
  type Likeness,
} from '../../../../src/cache/mongoose/bson/documents.js';
import type { Bson, Decoding } from '../../../../src/cache/mongoose/read.js';
import { damagedDocument, documentBytes, randomDocument } from './random-bson.js';

/** More for a long run by hand: `BSON_RUNS=300000 npx vitest run test/unit/mongoose/bson`. */
const RUNS = Number(process.env.BSON_RUNS ?? 600);
const SEED = process.env.BSON_SEED === undefined ? 1_234_567 : Number(process.env.BSON_SEED);
const MOST_TIME = 4 * 3_600_000;

const { BSON } = mongoose.mongo;
const mongoose8 = createRequire(import.meta.url)('mongoose-8') as typeof mongoose;
const libraries: [string, Bson][] = [
  ['Mongoose 9', BSON],
  ['Mongoose 8', mongoose8.mongo.BSON],
];

/** Everything there is to see of a value, the order of its members included. */
function portrait(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return [typeof value, value];
  const kind = kindOf(value);
  if (value instanceof Date) return [kind, value.getTime()];
  if (value instanceof RegExp) return [kind, String(value)];
  if (value instanceof Uint8Array) return [kind, Buffer.from(value).toString('hex')];
  const members = Reflect.ownKeys(value).map((key) => {
    const { value: member, ...flags } = Object.getOwnPropertyDescriptor(value, key)!;
    return [String(key), portrait(member), Object.values(flags).join()];
  });
  return [kind, members];
}

const kindOf = (value: object) => (Object.getPrototypeOf(value) as object | null)?.constructor.name;

function outcome(decode: () => unknown): { value: unknown } | { error: string } {
  try {
    return { value: decode() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** The same by the library alone. */
function byLibrary(bytes: Buffer, bson: Bson, decoding: Decoding): unknown[] {
  const validation = { utf8: decoding.enableUtf8Validation !== false };
  const documents: unknown[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.length - at < 4 ? 0 : bytes.readInt32LE(at);
    const end = size < 5 || size > bytes.length - at ? bytes.length : at + size;
    documents.push(bson.deserialize(Buffer.from(bytes.subarray(at, end)), { ...decoding, validation }));
    at = end;
  }
  return documents;
}

/** What we make of bytes, and what the library makes of them. */
function both(bytes: Buffer, bson: Bson, decoding: Decoding, likeness: Likeness): [unknown, unknown] {
  const expected = outcome(() => byLibrary(bytes, bson, decoding));
  const read = Buffer.from(bytes);
  const decoded = outcome(() => decodeDocuments(read, 0, bson, decoding, likeness));
  read.fill(0xaa); // whoever still looks at it gets something else
  const [one, other] = [decoded, expected].map((each) =>
    'error' in each ? each : { value: portrait(each.value) },
  );
  return [one, other];
}

const maybe = fc.constantFrom(undefined, undefined, true, false);
const options = fc.oneof(
  fc.constant({}),
  fc.constant({
    promoteValues: true,
    promoteLongs: true,
    promoteBuffers: false,
    useBigInt64: false,
    bsonRegExp: false,
    fieldsAsRaw: {},
    enableUtf8Validation: true,
  }),
  fc.record({
    promoteValues: maybe,
    promoteLongs: maybe,
    promoteBuffers: maybe,
    useBigInt64: maybe,
    bsonRegExp: maybe,
    enableUtf8Validation: maybe,
    fieldsAsRaw: fc.constantFrom(undefined, {}, { tags: true }, { a: true, b: true }),
  }),
);

describe.each(libraries)('what is decoded is what the library of %s decodes', (_, bson) => {
  it(
    'documents of all types, by all options',
    () => {
      const likeness = newLikeness();
      fc.assert(
        fc.property(fc.array(randomDocument, { maxLength: 4 }), options, (documents, decoding) => {
          const [decoded, expected] = both(Buffer.concat(documents), bson, decoding, likeness);
          expect(decoded).toEqual(expected);
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    MOST_TIME,
  );

  it(
    'or the same error, for bytes that are damaged',
    () => {
      const likeness = newLikeness();
      fc.assert(
        fc.property(damagedDocument, options, (bytes, decoding) => {
          const [decoded, expected] = both(bytes, bson, decoding, likeness);
          expect(decoded).toEqual(expected);
        }),
        { numRuns: RUNS, seed: SEED },
      );
    },
    MOST_TIME,
  );

  it('or the same error, for every beginning of a document', () => {
    const bytes = Buffer.from(
      bson.serialize({
        _id: new bson.ObjectId(),
        text: 'Füllhorn',
        long: bson.Long.MAX_VALUE,
        cost: bson.Decimal128.fromString('1.5'),
        bytes: new bson.Binary(Buffer.from('abc')),
        list: [{ a: 1.5 }, true, new Date(0)],
      }),
    );
    const likeness = newLikeness();
    for (let length = bytes.length; length > 0; length -= 1) {
      const cut = Buffer.from(bytes.subarray(0, length));
      const [decoded, expected] = both(cut, bson, {}, likeness);
      expect(decoded).toEqual(expected);
      expect('error' in (decoded as object)).toBe(length < bytes.length);
      if (length < 5) continue;
      cut.writeInt32LE(length);
      const [resized, expectedResized] = both(cut, bson, {}, likeness);
      expect(resized).toEqual(expectedResized);
    }
  });

  it('very deep documents and lists', () => {
    let document: Buffer = documentBytes([]);
    let list: Buffer = documentBytes([]);
    const name = Buffer.from('a');
    for (let level = 0; level < 300; level += 1) {
      document = documentBytes([[name, { type: 0x03, bytes: document }]]);
      list = documentBytes([[name, { type: 0x04, bytes: list }]]);
    }
    const lists = documentBytes([[name, { type: 0x04, bytes: list }]]);
    for (const bytes of [document, lists]) {
      const [decoded, expected] = both(bytes, bson, {}, newLikeness());
      expect(decoded).toEqual(expected);
    }
  });
});

it('100,000 levels of hostile depth end in what the library says, and soon', () => {
  const levels = 100_000;
  const bytes = Buffer.alloc(levels * 8 + 5);
  for (let level = 0; level <= levels; level += 1) {
    const at = level * 7;
    bytes.writeInt32LE(5 + 8 * (levels - level), at);
    if (level < levels) bytes.write('\x03a', at + 4, 'latin1');
  }
  const depthOf = (value: unknown) => {
    let depth = 0;
    for (let inner = value; inner !== undefined; inner = (inner as { a?: unknown }).a) depth += 1;
    return depth;
  };
  const [expected] = byLibrary(bytes, BSON, {});
  const [decoded] = decodeDocuments(bytes, 0, BSON, {});
  expect(depthOf(decoded)).toBe(depthOf(expected));
});

describe('what was learnt from documents before', () => {
  const decode = (value: object, likeness: Likeness) =>
    decodeDocuments(Buffer.from(BSON.serialize(value)), 0, BSON, {}, likeness)[0];

  it('never gives a name to a member that has another', () => {
    const likeness = newLikeness();
    const documents = [
      { a: 1, b: 2, c: 3 },
      { c: 3, b: 2, a: 1 },
      { ab: 1, a: 2 },
      { a: { b: 1 }, b: [{ a: 1 }, { b: 2 }, { c: 3, a: 1 }] },
      { b: [[{ a: 1 }], [{ c: 1 }]] },
      {},
      { b: 1 },
    ];
    for (const document of [...documents, ...documents.toReversed(), ...documents])
      expect(JSON.stringify(decode(document, likeness))).toBe(JSON.stringify(document));
  });

  it('is bounded, however many names there are', () => {
    const likeness = newLikeness();
    for (let round = 0; round < 60; round += 1) {
      const names = Array.from({ length: 100 }, (_, index) => `id-${round}-${index}`);
      const document = { scores: Object.fromEntries(names.map((name) => [name, { of: { points: 1 } }])) };
      expect(decode(document, likeness)).toEqual(document);
    }
    expect(countOf(likeness)).toBeLessThan(3_000);
  });

  it('hides no member that was left out, nor one that is new', () => {
    const likeness = newLikeness();
    const names = Array.from({ length: 40 }, (_, index) => `field${index}`);
    fc.assert(
      fc.property(fc.subarray(names), (some) => {
        const document = Object.fromEntries(some.map((name) => [name, name.length]));
        expect(Object.entries(decode(document, likeness)!)).toEqual(Object.entries(document));
      }),
      { numRuns: 300, seed: SEED },
    );
  });
});

describe('bytes that were decoded', () => {
  it('are held by nothing afterwards, whether they were documents or not', async () => {
    const documents = Buffer.from(BSON.serialize({ title: 'Rose' }));
    expect(await isHeld(documents)).toBe(false);
    expect(await isHeld(Buffer.concat([documents, Buffer.alloc(documents.length, 0xff)]))).toBe(false);
  });
});

async function isHeld(like: Uint8Array): Promise<boolean> {
  const held = decodedOnce(like);
  await nextTurn(); // until then, what a WeakRef was made of is kept
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return held.deref() !== undefined;
}

function decodedOnce(like: Uint8Array): WeakRef<ArrayBufferLike> {
  const bytes = Buffer.allocUnsafeSlow(like.length);
  bytes.set(like);
  outcome(() => decodeDocuments(bytes, 0, BSON, {}));
  return new WeakRef(bytes.buffer);
}

function countOf(likeness: Likeness): number {
  let count = 0;
  for (let member = likeness.first; member; member = member.next) count += 1 + countOf(member);
  return count;
}
