import mongoose from 'mongoose';
import { rawFields } from '../oplog/raw-document.js';

const { BSON } = mongoose.mongo;

/** No value becomes another one that means about the same. */
const AS_IT_IS = {
  promoteValues: false,
  promoteLongs: false,
  promoteBuffers: false,
  bsonRegExp: true,
} as const;

type Exact = Record<string, unknown> | Map<string, unknown>;

/** A document that the driver writes again as these very bytes; undefined where there is none. */
export function exactDocument(bytes: Buffer): Exact | undefined {
  try {
    const plain = BSON.deserialize(bytes, AS_IT_IS) as Record<string, unknown>;
    if (isSame(plain, bytes)) return plain;
    // An object puts names that look like numbers first; a Map doesn't.
    const ordered = ordinal(bytes);
    return isSame(ordered, bytes) ? ordered : undefined;
  } catch {
    return undefined;
  }
}

function isSame(document: Exact, bytes: Buffer): boolean {
  return Buffer.compare(BSON.serialize(document, { ignoreUndefined: false }), bytes) === 0;
}

function ordinal(document: Buffer): Map<string, unknown> {
  const fields = [...rawFields(document)].map(
    ([name, { type, bytes }]) => [name, valueOf(type, bytes)] as const,
  );
  return new Map(fields);
}

function valueOf(type: number, bytes: Buffer): unknown {
  if (type === 0x03) return ordinal(bytes);
  if (type === 0x04) return [...rawFields(bytes).values()].map((field) => valueOf(field.type, field.bytes));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length + 8);
  const alone = Buffer.concat([length, Buffer.of(type), Buffer.from('v\0'), bytes, Buffer.of(0)]);
  return BSON.deserialize(alone, AS_IT_IS)['v'];
}
