/** A field of a document as its bytes, so that whatever it holds goes on unchanged. */
export interface RawField {
  readonly type: number;
  readonly bytes: Buffer;
}

/** Bytes that each type of value takes; those of the other types are told by the value itself. */
const SIZES: ReadonlyMap<number, number> = new Map([
  [0x01, 8],
  [0x06, 0],
  [0x07, 12],
  [0x08, 1],
  [0x09, 8],
  [0x0a, 0],
  [0x10, 4],
  [0x11, 8],
  [0x12, 8],
  [0x13, 16],
  [0x7f, 0],
  [0xff, 0],
]);

/**
 * The fields of a BSON document, not looked into.
 *
 * @throws Error for bytes that are no document
 */
export function rawFields(document: Buffer): ReadonlyMap<string, RawField> {
  const end = document.length - 1;
  if (document.length < 5 || document.readInt32LE(0) !== document.length || document[end] !== 0)
    throw new Error('a document without its end');
  const fields = new Map<string, RawField>();
  for (let at = 4; at < end;) {
    const type = document[at]!;
    const nameEnd = document.indexOf(0, at + 1);
    if (nameEnd < 0 || nameEnd >= end) throw new Error('a field name without an end');
    const from = nameEnd + 1;
    const to = from + sizeOf(document, type, from, end);
    if (to > end) throw new Error('a value longer than its document');
    fields.set(document.toString('utf8', at + 1, nameEnd), { type, bytes: document.subarray(from, to) });
    at = to;
  }
  return fields;
}

/** The values of an array of documents. */
export function rawDocuments(field: RawField | undefined): readonly Buffer[] {
  if (field?.type !== 0x04) return [];
  return [...rawFields(field.bytes).values()].map(({ bytes }) => bytes);
}

/** Undefined for what is no text. */
export function rawText(field: RawField | undefined): string | undefined {
  return field?.type === 0x02 ? field.bytes.toString('utf8', 4, field.bytes.length - 1) : undefined;
}

/** Undefined for what is no document. */
export function rawDocument(field: RawField | undefined): Buffer | undefined {
  return field?.type === 0x03 ? field.bytes : undefined;
}

export function isRawTrue(field: RawField | undefined): boolean {
  return field?.type === 0x08 && field.bytes[0] === 1;
}

/** Undefined for what is no whole number. */
export function rawInteger(field: RawField | undefined): number | undefined {
  if (field?.type === 0x10) return field.bytes.readInt32LE(0);
  return field?.type === 0x12 ? Number(field.bytes.readBigInt64LE(0)) : undefined;
}

function sizeOf(document: Buffer, type: number, at: number, end: number): number {
  const fixed = SIZES.get(type);
  if (fixed !== undefined) return fixed;
  if (type === 0x0b) return document.indexOf(0, document.indexOf(0, at) + 1) + 1 - at;
  if (at + 4 > end) throw new Error('a value without its length');
  const length = document.readInt32LE(at);
  if (length < 0) throw new Error(`a value of length ${length}`);
  switch (type) {
    case 0x03:
    case 0x04:
    case 0x0f:
      return Math.max(length, 5);
    case 0x02:
    case 0x0d:
    case 0x0e:
      return 4 + length;
    case 0x05:
      return 5 + length;
    case 0x0c:
      return 4 + length + 12;
    default:
      throw new Error(`a value of type ${type}`);
  }
}

/** The same document without some of its fields. */
export function rawWithout(document: Buffer, names: readonly string[]): Buffer {
  const kept = [...rawFields(document)].filter(([name]) => !names.includes(name));
  const body = kept.flatMap(([name, { type, bytes }]) => [Buffer.of(type), Buffer.from(`${name}\0`), bytes]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(5 + body.reduce((sum, { length }) => sum + length, 0));
  return Buffer.concat([length, ...body, Buffer.of(0)]);
}
