import fc from 'fast-check';
import mongoose from 'mongoose';

const bson = mongoose.mongo.BSON;

const int32 = fc.integer();
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const bytesOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
/** Every code unit, surrogates without a partner included. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
);

/** A view that begins and ends inside its buffer. */
const typedArray = fc
  .tuple(
    fc.constantFrom(
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    ),
    bytesOf(64),
    fc.nat({ max: 3 }),
    fc.nat({ max: 4 }),
  )
  .map(([constructor, content, offset, length]) => {
    const view = new constructor(new Uint8Array(content).buffer, offset * 8, length);
    return view;
  });

const regExp = fc
  .tuple(
    fc.constantFrom(
      /ro[st]e\/\d+/giu,
      /(?:)/,
      /^\n[/]$/ms,
      /(?<year>\d{4})/dy,
      new RegExp('[\\p{L}--a]', 'v'),
    ),
    fc.nat(),
  )
  .map(([{ source, flags }, lastIndex]) => {
    const made = new RegExp(source, flags);
    made.lastIndex = lastIndex;
    return made;
  });

const scalar = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(text, fc.boolean(), fc.constant(null), int32) },
  fc.oneof(
    fc.double(),
    fc.constantFrom(undefined, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }), // deepStrictEqual tells two invalid ones apart
    fc.constantFrom(new Date(8.64e15), new Date(-8.64e15)),
    bytes,
    typedArray,
    regExp,
    fc.webUrl({ withQueryParameters: true, withFragments: true }).map((href) => new URL(href)),
  ),
  fc.oneof(
    bytesOf(12).map((id) => new bson.ObjectId(id)),
    bytesOf(16).map((content) => new bson.Decimal128(content)),
    fc.tuple(int32, int32, fc.boolean()).map((parts) => new bson.Long(...parts)),
    fc
      .tuple(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 0xffff_ffff }))
      .map(([t, i]) => new bson.Timestamp({ t, i })),
    fc.tuple(bytes, fc.nat({ max: 255 })).map(([content, subType]) => new bson.Binary(content, subType)),
    bytesOf(16).map((id) => new bson.UUID(id)),
    int32.map((value) => new bson.Int32(value)),
    fc.double().map((value) => new bson.Double(value)),
    fc.constant(0).map(() => new bson.MinKey()),
    fc.constant(0).map(() => new bson.MaxKey()),
    fc.constantFrom('', 'ilmsux', 'i').map((options) => new bson.BSONRegExp('^ro?se$', options)),
    text.map((value) => new bson.BSONSymbol(value)),
  ),
);

const memberName = fc.oneof(
  text,
  fc.constantFrom('__proto__', '$flora', 'constructor', 'toJSON', '', '0', '$ref', '_bsontype', 'length'),
);

/** Values of all types that the cache gives back as they were, nested in each other. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown; members: object }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    tie('members'),
    tie('members').map((members) => Object.assign(Object.create(null) as object, members)),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.option(tie('value'), { nil: 'a hole' }), { maxLength: 6 }).map(withHoles),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    fc.array(tie('value'), { maxLength: 4 }).map((members) => new Set(members)),
    fc.tuple(text, fc.option(tie('members'))).map(([code, scope]) => new bson.Code(code, scope ?? undefined)),
    fc
      .tuple(
        fc.constantFrom('flowers', 'shop.flowers', 'a.b.c'),
        bytesOf(12),
        fc.option(text),
        tie('members'),
      )
      .map(
        ([collection, id, db, fields]) =>
          new bson.DBRef(collection, new bson.ObjectId(id), db ?? undefined, fields),
      ),
  ),
  members: fc.array(fc.tuple(memberName, tie('value')), { maxLength: 6 }).map(Object.fromEntries),
})).value;

/** Holes where it says so. */
export function withHoles(members: unknown[]): unknown[] {
  members.forEach((member, index) => {
    // oxlint-disable-next-line typescript/no-array-delete -- that makes a hole
    if (member === 'a hole') delete members[index];
  });
  return members;
}
