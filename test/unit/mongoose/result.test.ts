import { describe, expect, it } from 'vitest';
import mongoose from 'mongoose';
import {
  decodePayload,
  documentPayload,
  documentsPayload,
  valuePayload,
} from '../../../src/cache/mongoose/result.js';

const { BSON } = mongoose.mongo;
const { ObjectId, Decimal128, Long, Binary, UUID, Timestamp, MinKey, BSONRegExp, Int32 } = BSON;

const document = {
  _id: new ObjectId(),
  int: 1,
  double: 1.5,
  zero: -0,
  nan: Number.NaN,
  long: Long.MAX_VALUE,
  decimal: Decimal128.fromString('1.10'),
  date: new Date(1),
  regexp: /a/i,
  bytes: new Binary(Buffer.from('abc')),
  uuid: new UUID(),
  time: new Timestamp({ t: 1, i: 2 }),
  least: new MinKey(),
  none: null,
  list: [1, 'a', null, { deep: [new Date(2)] }],
  text: 'Füllhorn 🌷',
};

describe('a payload gives back what the driver would have given', () => {
  it('documents with every type', () => {
    const payload = documentsPayload([
      BSON.serialize(document),
      BSON.serialize({}),
      BSON.serialize(document),
    ]);
    expect(decodePayload(payload, BSON)).toStrictEqual([document, {}, document]);
    expect(decodePayload(documentsPayload([]), BSON)).toEqual([]);
  });

  it('one document, or none', () => {
    expect(decodePayload(documentPayload(BSON.serialize(document)), BSON)).toStrictEqual(document);
    expect(decodePayload(documentPayload(null), BSON)).toBeNull();
  });

  it('decoded as the caller asked the driver to', () => {
    const payload = documentPayload(
      BSON.serialize({ long: Long.fromNumber(5), int: 5, re: /a/i, bytes: Buffer.from('a') }),
    );
    expect(decodePayload(payload, BSON, { useBigInt64: true })).toMatchObject({ long: 5n, int: 5 });
    expect(decodePayload(payload, BSON, { promoteValues: false, bsonRegExp: true })).toMatchObject({
      int: new Int32(5),
      re: new BSONRegExp('a', 'i'),
    });
    expect((decodePayload(payload, BSON, { promoteBuffers: true }) as { bytes: unknown }).bytes).toEqual(
      Buffer.from('a'),
    );
  });

  it.each([0, 7, 2 ** 40, null, [], ['a', new ObjectId(), { x: 1 }, new Date(3)]])(
    'the value %o',
    (value) => {
      expect(decodePayload(valuePayload(value, BSON, {}) as Buffer, BSON)).toStrictEqual(value);
    },
  );

  it('values that bytes would change are not made into a payload', () => {
    expect(valuePayload([new Date(Number.NaN)], BSON, {})).toBeUndefined();
    expect(valuePayload([undefined], BSON, {})).toBeUndefined();
    expect(valuePayload(5, BSON, { promoteValues: false })).toBeUndefined();
  });
});

it('each decoding is the caller’s own: nothing written to it shows in the next one', () => {
  const payload = documentsPayload([BSON.serialize(document)]);
  const [first] = decodePayload(payload, BSON) as [typeof document];
  first.bytes.buffer.fill(0);
  first._id.id.fill(0);
  first.list.push('more');
  first.date.setTime(9);
  expect(decodePayload(payload, BSON)).toStrictEqual([document]);
});

it.each([
  Buffer.alloc(0),
  Buffer.from('X'),
  Buffer.from('L\0\0\0\0\0'),
  Buffer.from([0x4c, 255, 255, 255, 255, 0]),
  Buffer.from('Dxx'),
])('bytes that are not a result are refused: %o', (payload) => {
  expect(() => decodePayload(payload, BSON)).toThrow(/not the result|BSON|bson|range/i);
});
