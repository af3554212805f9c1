import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Chunked } from './chunked.js';
import {
  CHUNK_BYTES,
  fileKey,
  nonce,
  readHeader,
  SALT_BYTES,
  type SealHeader,
  TAG_BYTES,
  writeHeader,
} from './sealed-format.js';

/** A key, by the name that is written into what it encrypts. */
export interface NamedKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** Encrypts what passes. */
export class Seal extends Chunked {
  protected readonly size: number;
  private readonly key: Buffer;
  private index = 0;

  constructor({ id, key }: NamedKey, chunkBytes = CHUNK_BYTES) {
    super();
    this.size = chunkBytes;
    const salt = randomBytes(SALT_BYTES);
    const header = writeHeader({ keyId: id, chunkBytes, salt });
    this.key = fileKey(key, salt, header);
    this.push(header);
  }

  protected chunk(bytes: Buffer, last: boolean): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce(this.index++, last));
    return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Decrypts what passes. Not a byte comes out that isn't the one which went in, at the place where it did. */
export class Unseal extends Chunked {
  protected size: number | undefined;
  private fileKey: Buffer | undefined;
  private index = 0;

  constructor(private readonly key: NamedKey) {
    super();
  }

  protected override begin(held: Buffer): number {
    const read = readHeader(held);
    if (!read) return 0;
    const { header, length } = read;
    this.checkKeyId(header);
    this.fileKey = fileKey(this.key.key, header.salt, held.subarray(0, length));
    this.size = header.chunkBytes + TAG_BYTES;
    return length;
  }

  protected chunk(bytes: Buffer, last: boolean): Buffer {
    const end = bytes.length - TAG_BYTES;
    const number = this.index++;
    if (end < 0) throw new Error(`its encrypted chunk ${number} is cut off`);
    const decipher = createDecipheriv('aes-256-gcm', this.fileKey!, nonce(number, last));
    decipher.setAuthTag(bytes.subarray(end));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(0, end)), decipher.final()]);
    } catch {
      throw new Error(`its encrypted chunk ${number} is not the one that was written`);
    }
  }

  private checkKeyId({ keyId }: SealHeader): void {
    if (keyId !== this.key.id) throw new Error('its archive names another key than its manifest');
  }
}
