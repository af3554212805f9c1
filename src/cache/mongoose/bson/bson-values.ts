import type { Bson } from '../read.js';

/** Makes the values for which the BSON library has classes, of its own classes. */
export interface BsonValues {
  objectId: (bytes: Buffer, at: number) => unknown;
  decimal128: (own: Buffer) => unknown;
  long: (low: number, high: number) => unknown;
  /** A number where it is exact, as the library sees it. */
  promotedLong: (low: number, high: number) => unknown;
  binary: (own: Buffer, type: number) => unknown;
}

const UUID_TYPE = 4;
const UUID_BYTES = 16;
/** The high half of 2 ** 53, up to which the library gives numbers. */
const HIGHEST = 0x200000;

export function bsonValues({ ObjectId, Decimal128, Long, Binary, UUID }: Bson): BsonValues {
  const FromOffset = fromOffset(ObjectId);
  return {
    objectId: FromOffset
      ? (bytes, at) => new FromOffset(bytes, at)
      : (bytes, at) => {
          const own = Buffer.allocUnsafe(12);
          for (let index = 0; index < 12; index += 1) own[index] = bytes[at + index] as number;
          return new ObjectId(own);
        },
    decimal128: (own) => new Decimal128(own),
    long: (low, high) => new Long(low, high),
    promotedLong: (low, high) =>
      low === 0 && Math.abs(high) === HIGHEST ? high * 0x100000000 : new Long(low, high),
    binary: (own, type) =>
      type === UUID_TYPE && own.length === UUID_BYTES ? new UUID(own) : new Binary(own, type),
  };
}

type FromOffset = new (bytes: Uint8Array, at: number) => unknown;

/** Since version 7 of the library, whose ObjectIds have no bytes of their own. */
function fromOffset(ObjectId: unknown): FromOffset | undefined {
  try {
    const bytes = Buffer.from('ff0102030405060708090a0b0c', 'hex');
    const id = new (ObjectId as FromOffset)(bytes, 1);
    bytes.fill(0);
    return String(id) === '0102030405060708090a0b0c' ? (ObjectId as FromOffset) : undefined;
  } catch {
    return undefined;
  }
}
