import mongoose from 'mongoose';

const { BSON } = mongoose.mongo;

/**
 * Definitions of collections and indexes as an archive has them, canonical Extended JSON, and back. Not through
 * JavaScript's objects: they put members with names like `10` and `2` first and in order, and an index on `10, 2`
 * is another than one on `2, 10`.
 *
 * @param document BSON
 */
export function toExtendedJson(document: Uint8Array): string {
  const bytes = Buffer.from(document.buffer, document.byteOffset, document.length);
  return textOf(bytes, 0, false);
}

/** A document, in the form that the driver writes with its members in order. */
export type Definition = Map<string, unknown>;

/** The text of a definition that was read from one and changed. */
export function extendedJsonOf(definition: Definition): string {
  return toExtendedJson(BSON.serialize(definition));
}

/** @throws Error for what is no Extended JSON document */
export function fromExtendedJson(text: string): Definition {
  // With a sign before each name, so that none looks like a number.
  const marked = text.replace(/"((?:[^"\\]|\\.)*)"(\s*:)?/g, (whole, name: string, colon?: string) =>
    colon === undefined ? whole : `"${SIGN}${name}"${colon}`,
  );
  const value = valueOf(JSON.parse(marked));
  if (!(value instanceof Map)) throw new Error('it is no document');
  return value as Definition;
}

const SIGN = '~';

function valueOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(valueOf);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name.slice(SIGN.length), member] as const);
  if (members.length > 0 && members.every(([name]) => TYPES.has(name)))
    return BSON.EJSON.parse(JSON.stringify(unmarked(value)), { relaxed: false });
  return new Map(members.map(([name, member]) => [name, valueOf(member)]));
}

/** By which a value of a type that JSON doesn't have is told. Names of operators are others. */
const TYPES: ReadonlySet<string> = new Set(
  'oid numberInt numberLong numberDouble numberDecimal binary date timestamp regularExpression code scope symbol dbPointer minKey maxKey undefined uuid'
    .split(' ')
    .map((name) => `$${name}`),
);

function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.slice(1), unmarked(member)]));
}

function textOf(bytes: Buffer, start: number, isArray: boolean): string {
  const members: string[] = [];
  let at = start + 4;
  while (bytes[at] !== 0) {
    const nameEnd = bytes.indexOf(0, at + 1);
    const type = bytes[at]!;
    const next = nameEnd + 1 + sizeOf(bytes, type, nameEnd + 1);
    const nests = type === 0x03 || type === 0x04;
    const value = nests
      ? textOf(bytes, nameEnd + 1, type === 0x04)
      : leafOf(type, bytes.subarray(nameEnd + 1, next));
    members.push(isArray ? value : `${JSON.stringify(bytes.toString('utf8', at + 1, nameEnd))}:${value}`);
    at = next;
  }
  return isArray ? `[${members.join(',')}]` : `{${members.join(',')}}`;
}

/** A value that holds no other, by way of a document that holds only it. */
function leafOf(type: number, value: Buffer): string {
  const document = Buffer.concat([Buffer.of(0, 0, 0, 0, type, 0x76, 0), value, Buffer.of(0)]);
  document.writeInt32LE(document.length);
  const { v } = BSON.deserialize(document, { promoteValues: false, bsonRegExp: true }) as { v: unknown };
  return v === undefined ? '{"$undefined":true}' : BSON.EJSON.stringify(v, { relaxed: false });
}

const SIZES: Readonly<Record<number, number>> = {
  0x01: 8,
  0x06: 0,
  0x07: 12,
  0x08: 1,
  0x09: 8,
  0x0a: 0,
  0x10: 4,
  0x11: 8,
  0x12: 8,
  0x13: 16,
  0x7f: 0,
  0xff: 0,
};

function sizeOf(bytes: Buffer, type: number, at: number): number {
  switch (type) {
    case 0x02: // string
    case 0x0d: // code
    case 0x0e: // symbol
      return 4 + bytes.readInt32LE(at);
    case 0x03: // document
    case 0x04: // array
    case 0x0f: // code with its scope
      return bytes.readInt32LE(at);
    case 0x05: // binary
      return 5 + bytes.readInt32LE(at);
    case 0x0b: // regular expression: two texts
      return bytes.indexOf(0, bytes.indexOf(0, at) + 1) + 1 - at;
    case 0x0c: // pointer
      return 16 + bytes.readInt32LE(at);
    default: {
      const size = SIZES[type];
      if (size === undefined) throw new Error(`a value of type ${type}`);
      return size;
    }
  }
}
