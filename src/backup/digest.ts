import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

/** Lets bytes pass, counts and hashes them. */
export class Digest extends Transform {
  private readonly hash = createHash('sha256');
  /** Bytes so far. */
  count = 0;

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.hash.update(chunk);
    this.count += chunk.length;
    done(null, chunk);
  }

  /** Once, when the stream has ended. */
  result(): { bytes: number; sha256: string } {
    return { bytes: this.count, sha256: this.hash.digest('hex') };
  }
}
