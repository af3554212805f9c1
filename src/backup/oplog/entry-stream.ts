import { Writable } from 'node:stream';

/** Takes BSON documents that follow each other, in whatever pieces, and hands them on one by one. */
export class EntryStream extends Writable {
  private held: Buffer = Buffer.alloc(0);

  /** @param take what it throws is the stream's own error */
  constructor(private readonly take: (entry: Buffer) => Promise<void> | void) {
    super({ highWaterMark: 1024 * 1024 });
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    void this.drain().then(
      () => process.nextTick(done),
      (error: Error) => process.nextTick(done, error),
    );
  }

  private async drain(): Promise<void> {
    let at = 0;
    while (this.held.length - at >= 4) {
      const length = this.held.readUInt32LE(at);
      if (this.held.length - at < length) break;
      const taken = this.take(this.held.subarray(at, at + length));
      if (taken) await taken;
      at += length;
    }
    this.held = this.held.subarray(at);
  }
}
