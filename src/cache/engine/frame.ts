import { compressed, decompressed } from './compression.js';
import { decodeEntry, encodeEntry, type Entry } from './entry.js';

/** Documents are decoded in a third of the time that inflating them takes, where JSON takes longer than that. */
const DOCUMENTS_FROM = 16;

/**
 * The bytes that the store keeps of an entry, its payload compressed from `threshold` bytes on, where that pays:
 * for BSON from `DOCUMENTS_FROM` times as many.
 */
export function frameOf(entry: Entry, threshold: number | false): Buffer | Promise<Buffer> {
  const { codec, payload } = entry;
  if (threshold === false || payload.length < threshold * (codec === 'bson' ? DOCUMENTS_FROM : 1))
    return encodeEntry(entry);
  return compressed(payload, threshold).then((payload) => encodeEntry(entry, payload));
}

/** The entry in a frame, or undefined where there is none of ours, or one larger than `limit` bytes. */
export function entryOf(frame: Buffer, limit: number): Entry | undefined | Promise<Entry | undefined> {
  const entry = decodeEntry(frame);
  if (!entry?.isCompressed) return entry;
  return decompressed(entry.payload, limit).then(
    (payload) => ({ ...entry, payload }),
    () => undefined,
  );
}
