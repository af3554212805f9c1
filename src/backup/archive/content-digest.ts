import { createHash, hash, type Hash } from 'node:crypto';
import type { DocumentListener } from './archive-namespace.js';

const WORDS = 8;

/**
 * Tells whether two collections hold the same documents, to the bit, in whatever order: the sum of the SHA-256 of all
 * documents, as a number of 256 bits. A sum, not an exclusive or: a document that is there twice must not vanish.
 */
export class ContentDigest implements DocumentListener {
  private readonly sum = new Uint32Array(WORDS);
  private begun: Hash | undefined;

  document(bytes: Buffer): void {
    this.add(hash('sha256', bytes, 'buffer'));
  }

  part(bytes: Buffer, isLast: boolean): void {
    this.begun ??= createHash('sha256');
    this.begun.update(bytes);
    if (!isLast) return;
    this.add(this.begun.digest());
    this.begun = undefined;
  }

  /** 64 hex digits. */
  readonly digest = (): string =>
    [...this.sum]
      .map((word) => word.toString(16).padStart(8, '0'))
      .toReversed()
      .join('');

  private add(bytes: Buffer): void {
    let carry = 0;
    for (let word = 0; word < WORDS; word++) {
      const total = this.sum[word]! + bytes.readUInt32LE(word * 4) + carry;
      this.sum[word] = total;
      carry = total > 0xffffffff ? 1 : 0;
    }
  }
}
