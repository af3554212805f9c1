import mongoose from 'mongoose';
import { base64, bytes, integer, kind, list, text, type Kind } from './kinds.js';

const {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
} = mongoose.mongo.BSON;

type Bson<Name extends keyof typeof mongoose.mongo.BSON> = InstanceType<
  Extract<(typeof mongoose.mongo.BSON)[Name], abstract new (...args: never[]) => object>
>;

/**
 * Known by the name that they inherit, whichever copy of bson made them; own data called `_bsontype`, which any
 * request body may hold, says nothing.
 */
const named = (type: string) => (value: object) =>
  (value as { _bsontype?: unknown })._bsontype === type && !Object.hasOwn(value, '_bsontype');

const UINT32 = 0xffff_ffff;
const INT32 = 0x7fff_ffff;

export const BSON_KINDS: Readonly<Record<string, Kind>> = {
  objectId: kind<Bson<'ObjectId'>, string>({
    prototypes: [ObjectId.prototype],
    is: named('ObjectId'),
    take: (id) => id.toHexString(),
    make: (hex) => new ObjectId(text(hex)),
    copy: (id) => new ObjectId(id),
  }),
  decimal128: kind<Bson<'Decimal128'>, string>({
    prototypes: [Decimal128.prototype],
    is: named('Decimal128'),
    take: (decimal) => base64(decimal.bytes),
    make: (encoded) => new Decimal128(bytes(encoded)),
    copy: (decimal) => new Decimal128(Buffer.from(decimal.bytes)),
  }),
  long: kind<Bson<'Long'>, [string, boolean]>({
    prototypes: [Long.prototype],
    is: named('Long'),
    take: (long) => [long.toString(), long.unsigned],
    make: (data) => {
      const [digits, unsigned] = list(data, 2);
      if (!/^-?\d{1,20}$/.test(text(digits)) || typeof unsigned !== 'boolean')
        throw new TypeError('not a Long');
      const { low, high } = Long.fromString(text(digits), unsigned);
      return new Long(low, high, unsigned); // small ones would be shared
    },
    copy: ({ low, high, unsigned }) => new Long(low, high, unsigned),
  }),
  binary: kind<Bson<'Binary'>, unknown[]>({
    prototypes: [Binary.prototype, UUID.prototype],
    is: named('Binary'),
    // A UUID is told by its class: a Binary of its subtype need not have 16 bytes.
    take: (binary) =>
      binary.sub_type === Binary.SUBTYPE_UUID && !('toHexString' in binary)
        ? [base64(binary.value()), binary.sub_type, 'binary']
        : [base64(binary.value()), binary.sub_type],
    make: (data) => {
      const [encoded, subType, isBinary] = list(data, 2, 3);
      return subType === Binary.SUBTYPE_UUID && isBinary === undefined
        ? new UUID(bytes(encoded))
        : new Binary(bytes(encoded), integer(subType, 0, 255));
    },
    copy: (binary) =>
      binary instanceof UUID ? new UUID(binary) : new Binary(Buffer.from(binary.value()), binary.sub_type),
  }),
  timestamp: kind<Bson<'Timestamp'>, number[]>({
    prototypes: [Timestamp.prototype],
    is: named('Timestamp'),
    take: ({ high, low }) => [high >>> 0, low >>> 0],
    make: (data) => {
      const [t, i] = list(data, 2);
      return new Timestamp({ t: integer(t, 0, UINT32), i: integer(i, 0, UINT32) });
    },
    copy: ({ t, i }) => new Timestamp({ t, i }),
  }),
  int32: kind<Bson<'Int32'>, number>({
    prototypes: [Int32.prototype],
    is: named('Int32'),
    take: ({ value }) => value,
    make: (value) => new Int32(integer(value, -INT32 - 1, INT32)),
    copy: ({ value }) => new Int32(value),
  }),
  double: kind<Bson<'Double'>, number>({
    prototypes: [Double.prototype],
    is: named('Double'),
    take: ({ value }) => value,
    make: (value) => {
      if (typeof value !== 'number') throw new TypeError('not a number');
      return new Double(value);
    },
    copy: ({ value }) => new Double(value),
  }),
  minKey: kind<Bson<'MinKey'>, null>({
    prototypes: [MinKey.prototype],
    is: named('MinKey'),
    take: () => null,
    make: () => new MinKey(),
    copy: () => new MinKey(),
  }),
  maxKey: kind<Bson<'MaxKey'>, null>({
    prototypes: [MaxKey.prototype],
    is: named('MaxKey'),
    take: () => null,
    make: () => new MaxKey(),
    copy: () => new MaxKey(),
  }),
  code: kind<Bson<'Code'>, unknown[]>({
    prototypes: [Code.prototype],
    is: named('Code'),
    take: ({ code, scope }) => [code, scope ?? null],
    make: (data) => {
      const [code, scope] = list(data, 2);
      return new Code(text(code), scope === null ? null : members(scope));
    },
    copy: ({ code, scope }, isolated) => new Code(code, isolated(scope)),
  }),
  dbRef: kind<Bson<'DBRef'>, unknown[]>({
    prototypes: [DBRef.prototype],
    is: named('DBRef'),
    take: ({ collection, oid, db, fields }) => [collection, oid, db, fields],
    make: (data) => {
      const [collection, oid, db, fields] = list(data, 4);
      return dbRef(
        text(collection),
        oid as Bson<'ObjectId'>,
        db === undefined ? db : text(db),
        members(fields),
      );
    },
    copy: ({ collection, oid, db, fields }, isolated) =>
      dbRef(collection, isolated(oid), db, isolated(fields)),
  }),
  bsonRegExp: kind<Bson<'BSONRegExp'>, string[]>({
    prototypes: [BSONRegExp.prototype],
    is: named('BSONRegExp'),
    take: ({ pattern, options }) => [pattern, options],
    make: (data) => {
      const [pattern, options] = list(data, 2);
      return new BSONRegExp(text(pattern), text(options));
    },
    copy: ({ pattern, options }) => new BSONRegExp(pattern, options),
  }),
  bsonSymbol: kind<Bson<'BSONSymbol'>, string>({
    prototypes: [BSONSymbol.prototype],
    is: named('BSONSymbol'),
    take: ({ value }) => value,
    make: (value) => new BSONSymbol(text(value)),
    copy: ({ value }) => new BSONSymbol(value),
  }),
};

/** What earlier payloads hold, and no longer is written. */
export const OLD_BSON_KINDS: Readonly<Record<string, Pick<Kind, 'make'>>> = {
  decimal: {
    make: (digits) => {
      if (text(digits).length > 64) throw new TypeError('not a Decimal128');
      return Decimal128.fromString(text(digits));
    },
  },
};

/** Any object would do for bson, an array too. */
function members(data: unknown): Record<string, unknown> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new TypeError('not members');
  return data as Record<string, unknown>;
}

/** The constructor would split a collection's name at its dot. */
function dbRef(
  collection: string,
  oid: Bson<'ObjectId'>,
  db: string | undefined,
  fields: object,
): Bson<'DBRef'> {
  const ref = new DBRef('', oid, db, fields);
  ref.collection = collection;
  return ref;
}
