import { Transform, type TransformCallback } from 'node:stream';

/** Bytes in pieces of one size; the last one, of what is left, may be shorter or empty. */
export abstract class Chunked extends Transform {
  private parts: Buffer[] = [];
  private held = 0;

  /** Undefined while it isn't known. */
  protected abstract readonly size: number | undefined;

  protected abstract chunk(bytes: Buffer, last: boolean): Buffer;

  /** Looks at the beginning, as long as the size isn't known. Gives what of it is no part of the first piece. */
  protected begin(_held: Buffer): number {
    return 0;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.parts.push(chunk);
    this.held += chunk.length;
    this.attempt(done, () => {
      if (this.size === undefined) this.skip(this.begin(this.all()));
      // Only when more follows it is known that a piece isn't the last.
      while (this.size !== undefined && this.held > this.size)
        this.push(this.chunk(this.cut(this.size), false));
    });
  }

  override _flush(done: TransformCallback): void {
    this.attempt(done, () => {
      if (this.size === undefined) throw new Error('it stops before its first chunk');
      this.push(this.chunk(this.cut(this.held), true));
    });
  }

  private cut(count: number): Buffer {
    const all = this.all();
    this.skip(count);
    return all.subarray(0, count);
  }

  private skip(count: number): void {
    const rest = this.all().subarray(count);
    this.parts = [rest];
    this.held = rest.length;
  }

  private all(): Buffer {
    if (this.parts.length !== 1) this.parts = [Buffer.concat(this.parts)];
    return this.parts[0]!;
  }

  private attempt(done: TransformCallback, work: () => void): void {
    try {
      work();
    } catch (error) {
      done(Object.assign(error as Error, { code: 'SEAL_BROKEN' }));
      return;
    }
    done();
  }
}
