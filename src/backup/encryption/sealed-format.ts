import { hkdfSync } from 'node:crypto';

/**
 * The bytes of an encrypted archive (docs/backup-format.md): a header, then chunks of AES-256-GCM. Each file has a key
 * of its own, made of the user's key, a random salt and the whole header: not a bit of the header can change without
 * every chunk becoming unreadable. A chunk's nonce is its number and whether it is the last: none can be moved, left
 * out, doubled, or cut off the end.
 */
export interface SealHeader {
  readonly keyId: string;
  /** Plain bytes of every chunk but the last. */
  readonly chunkBytes: number;
  readonly salt: Uint8Array;
}

export const TAG_BYTES = 16;
export const SALT_BYTES = 32;
/** Small enough to hold several, large enough that the tags don't matter. */
export const CHUNK_BYTES = 256 * 1024;

const MAGIC = Buffer.from('FLORASEA');
const VERSION = 1;
const FIXED = MAGIC.length + 2;
const LARGEST_CHUNK = 16 * 1024 * 1024;

export function writeHeader({ keyId, chunkBytes, salt }: SealHeader): Buffer {
  const id = Buffer.from(keyId);
  const chunk = Buffer.alloc(4);
  chunk.writeUInt32BE(chunkBytes);
  return Buffer.concat([MAGIC, Buffer.of(VERSION, id.length), id, chunk, salt]);
}

/**
 * @param bytes the beginning of the file
 * @returns undefined when more bytes are needed
 * @throws Error when it can't be one
 */
export function readHeader(bytes: Buffer): { header: SealHeader; length: number } | undefined {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC.subarray(0, bytes.length)))
    throw new Error('it does not begin as an encrypted archive');
  if (bytes.length < FIXED) return undefined;
  if (bytes[MAGIC.length] !== VERSION) throw new Error('its encryption is of an unknown version');
  const idEnd = FIXED + bytes[FIXED - 1]!;
  const length = idEnd + 4 + SALT_BYTES;
  if (bytes.length < length) return undefined;
  const chunkBytes = bytes.readUInt32BE(idEnd);
  if (chunkBytes === 0 || chunkBytes > LARGEST_CHUNK) throw new Error('its chunks have no possible length');
  const keyId = bytes.toString('utf8', FIXED, idEnd);
  return { header: { keyId, chunkBytes, salt: bytes.subarray(idEnd + 4, length) }, length };
}

/** The key of one file. */
export function fileKey(key: Uint8Array, salt: Uint8Array, header: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from('flora-backup archive 1\0'), header]);
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32));
}

export function nonce(index: number, last: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 7);
  bytes[11] = last ? 1 : 0;
  return bytes;
}
