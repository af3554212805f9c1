import { Transform, type TransformCallback } from 'node:stream';

/** Lets so many bytes pass, and takes the rest without a word. */
export class FirstBytes extends Transform {
  constructor(private left: number) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    const part = chunk.subarray(0, this.left);
    this.left -= part.length;
    if (part.length === 0) done();
    else done(null, part);
  }
}
