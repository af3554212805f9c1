import type { Bson, Decoding } from '../read.js';
import { BsonDecoder } from './bson-decoder.js';
import { Member } from './members.js';

/** What the documents of one source have in common, learnt from one decoding to the next. */
export type Likeness = Member;
export const newLikeness = (): Likeness => Member.root();

const decoders = new WeakMap<Bson, BsonDecoder>();

/**
 * The documents that stand one behind the other from `start` to the end of the bytes, each as the BSON library's
 * `deserialize` gives it with these options. Nothing in them is a window on the bytes.
 *
 * @throws what the library throws for bytes that are no documents
 */
export function decodeDocuments(
  bytes: Buffer,
  start: number,
  bson: Bson,
  decoding: Decoding,
  likeness: Likeness = newLikeness(),
): Record<string, unknown>[] {
  const decoder = isUsual(decoding) ? decoderOf(bson) : undefined;
  const documents: Record<string, unknown>[] = [];
  decoder?.begin(bytes, decoding);
  try {
    for (let at = start; at < bytes.length;) {
      const end = endOf(bytes, at);
      documents.push(
        decoder?.document(at, end, likeness) ?? byLibrary(bytes.subarray(at, end), bson, decoding),
      );
      at = end;
    }
  } finally {
    decoder?.end();
  }
  return documents;
}

/** The library says what is wrong with a size that can't be. */
function endOf(bytes: Buffer, at: number): number {
  const size = bytes.length - at < 4 ? 0 : bytes.readInt32LE(at);
  return size < 5 || size > bytes.length - at ? bytes.length : at + size;
}

/** What it decodes are windows on its bytes: on a copy. */
function byLibrary(bytes: Buffer, bson: Bson, decoding: Decoding): Record<string, unknown> {
  const validation = { utf8: decoding.enableUtf8Validation !== false };
  return bson.deserialize(Buffer.from(bytes), { ...decoding, raw: false, validation });
}

function decoderOf(bson: Bson): BsonDecoder {
  let decoder = decoders.get(bson);
  if (!decoder) decoders.set(bson, (decoder = new BsonDecoder(bson)));
  return decoder;
}

/** The options that are rarely used otherwise are the library's. `fieldsAsRaw` is `{}` by default. */
function isUsual({ promoteValues, promoteLongs, useBigInt64, fieldsAsRaw }: Decoding): boolean {
  if ((promoteValues ?? true) !== true) return false;
  if (useBigInt64 && !(promoteLongs ?? true)) return false; // an error
  return fieldsAsRaw == null || isEmpty(fieldsAsRaw);
}

function isEmpty(object: unknown): boolean {
  if (Object.getPrototypeOf(object) !== Object.prototype) return false;
  return Object.keys(object as object).length === 0;
}
