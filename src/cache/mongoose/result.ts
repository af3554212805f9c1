import { isDeepStrictEqual } from 'node:util';
import { decodeDocuments, type Likeness } from './bson/documents.js';
import type { Bson, Decoding } from './read.js';

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
 * @param likeness of the documents, learnt from other results of the same collection
 * @throws when the payload is not one of ours
 */
export function decodePayload(
  payload: Buffer,
  bson: Bson,
  decoding: Decoding = {},
  likeness?: Likeness,
): unknown {
  const kind = payload[0];
  if (kind !== LIST && kind !== DOCUMENT && kind !== VALUE) throw new Error('not the result of a query');
  const documents = decodeDocuments(payload, 1, bson, decoding, likeness);
  if (kind === LIST) return documents;
  const [document] = documents;
  if (documents.length > 1 || (kind === VALUE && !document)) throw new Error('not the result of a query');
  return kind === DOCUMENT ? (document ?? null) : document?.v;
}
