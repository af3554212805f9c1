import { isDeepStrictEqual } from 'node:util';
import type { Bson } from './read.js';

/** How the driver was asked to decode: what `Collection.bsonOptions` and the options of one call say. */
export type Decoding = Readonly<Record<string, unknown>>;

/** First byte of a payload: what follows it. */
const LIST = 0x4c; // 'L': documents, one behind the other
const DOCUMENT = 0x44; // 'D': one document, or nothing where none was found
const VALUE = 0x56; // 'V': a document with the value as `v`

/** The documents of `find` and `aggregate`, as the server sent them. */
export function documentsPayload(documents: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Uint8Array.of(LIST), ...documents]);
}

/** The answer of `findOne`: a document as the server sent it, or null. */
export function documentPayload(document: Uint8Array | null): Buffer {
  return Buffer.concat(document ? [Uint8Array.of(DOCUMENT), document] : [Uint8Array.of(DOCUMENT)]);
}

/** A count, or the values of `distinct`: undefined where their bytes would not give back what they are. */
export function valuePayload(value: unknown, bson: Bson, decoding: Decoding): Buffer | undefined {
  const bytes = bson.serialize({ v: value }, { ignoreUndefined: false });
  const payload = Buffer.concat([Uint8Array.of(VALUE), bytes]);
  return isDeepStrictEqual(decodePayload(payload, bson, decoding), value) ? payload : undefined;
}

/**
 * What the driver would have answered: objects of the caller's own, decoded as its options say.
 *
 * @throws when the payload is not one of ours
 */
export function decodePayload(payload: Buffer, bson: Bson, decoding: Decoding = {}): unknown {
  // Binary values are windows on the bytes they were decoded from: on these ones, not on the cache's.
  const bytes = Buffer.from(payload);
  const options = { ...decoding, raw: false, validation: { utf8: decoding.enableUtf8Validation !== false } };
  const decodeAt = (index: number) =>
    bson.deserialize(bytes, { ...options, index, allowObjectSmallerThanBufferSize: true });
  switch (bytes[0]) {
    case LIST: {
      const documents = [];
      for (let index = 1; index < bytes.length; index += bytes.readInt32LE(index))
        documents.push(decodeAt(index));
      return documents;
    }
    case DOCUMENT:
      return bytes.length === 1 ? null : decodeAt(1);
    case VALUE:
      return decodeAt(1).v;
    default:
      throw new Error('not the result of a query');
  }
}
