import { compressed, decompressed } from './compression.js';
import { decodeEntry, encodeEntry, type Entry } from './entry.js';

/** The bytes that the store keeps of an entry, its payload compressed from `threshold` bytes on, where that pays. */
export function frameOf(entry: Entry, threshold: number | false): Buffer | Promise<Buffer> {
  if (threshold === false || entry.payload.length < threshold) return encodeEntry(entry);
  return compressed(entry.payload, threshold).then((payload) => encodeEntry(entry, payload));
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
