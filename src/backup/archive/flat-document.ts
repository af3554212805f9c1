export type FlatDocument = ReadonlyMap<string, FlatValue>;

/** A value that the archive's own documents hold. */
export type FlatValue = string | number | bigint | boolean;

/**
 * Reads a BSON document without nesting: the headers and the prelude of an archive are made of strings, booleans
 * and integers only, so anything else is damage.
 *
 * @throws Error that says what is wrong with it
 */
export function readFlatDocument(bytes: Buffer): FlatDocument {
  const end = bytes.length - 1;
  const fields = new Map<string, FlatValue>();
  let at = 4;
  while (at < end) {
    const type = bytes[at];
    const nameEnd = bytes.indexOf(0, at + 1);
    if (nameEnd < 0 || nameEnd >= end) throw new Error('a field name without an end');
    const name = bytes.toString('utf8', at + 1, nameEnd);
    const [value, next] = readValue(bytes, type, nameEnd + 1, end);
    fields.set(name, value);
    at = next;
  }
  if (at !== end || bytes[end] !== 0) throw new Error('a document without its end');
  return fields;
}

function readValue(
  bytes: Buffer,
  type: number | undefined,
  at: number,
  end: number,
): [value: FlatValue, next: number] {
  const size = type === 0x02 ? stringSize(bytes, at, end) : SIZES.get(type ?? -1);
  if (size === undefined) throw new Error(`a field of type ${type}`);
  const next = at + size;
  if (next > end) throw new Error('a value longer than its document');
  switch (type) {
    case 0x02:
      if (bytes[next - 1] !== 0) throw new Error('a string without an end');
      return [bytes.toString('utf8', at + 4, next - 1), next];
    case 0x08:
      return [bytes[at] === 1, next];
    case 0x10:
      return [bytes.readInt32LE(at), next];
    default:
      return [bytes.readBigInt64LE(at), next];
  }
}

const SIZES = new Map([
  [0x08, 1],
  [0x10, 4],
  [0x12, 8],
]);

function stringSize(bytes: Buffer, at: number, end: number): number {
  if (at + 4 > end) throw new Error('a string without a length');
  const length = bytes.readInt32LE(at);
  if (length < 1) throw new Error(`a string of length ${length}`);
  return 4 + length;
}

/** Writes what `readFlatDocument` reads: a number as int32, a bigint as int64. */
export function writeFlatDocument(fields: Readonly<Record<string, FlatValue>>): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) =>
    writeField(Buffer.from(`${name}\0`), value),
  );
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 5), body, Buffer.of(0)]);
}

function writeField(name: Buffer, value: FlatValue): Buffer[] {
  if (typeof value === 'string') {
    const text = Buffer.from(`${value}\0`);
    return [Buffer.of(0x02), name, int32(text.length), text];
  }
  if (typeof value === 'boolean') return [Buffer.of(0x08), name, Buffer.of(Number(value))];
  if (typeof value === 'number') return [Buffer.of(0x10), name, int32(value)];
  const long = Buffer.alloc(8);
  long.writeBigInt64LE(value);
  return [Buffer.of(0x12), name, long];
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
