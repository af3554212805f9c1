import { Readable, Writable } from 'node:stream';
import type { ThreadMessage } from './thread-messages.js';

type Post = (message: ThreadMessage, transfer: ArrayBuffer[]) => void;

/** How many bytes may be on their way in one direction: enough to keep both sides busy, little to hold. */
const WINDOW = 2 * 1024 * 1024;
/** A message costs as much as hashing a hundred KiB, so what comes in small pieces goes several at a time. */
const MESSAGE = 512 * 1024;

/** Sends bytes to the other thread, no more of them than it can use. */
export class BytesOut extends Writable {
  /** Bytes sent so far. */
  count = 0;
  private onTheirWay = 0;
  private waiting: (() => void) | undefined;
  /** For the next message. */
  private pieces: Uint8Array<ArrayBuffer>[] = [];
  private gathered = 0;

  constructor(private readonly post: Post) {
    super({ highWaterMark: 1024 * 1024 });
  }

  /** The other side has used so many. */
  taken(count: number): void {
    this.onTheirWay -= count;
    if (this.onTheirWay >= WINDOW) return;
    const go = this.waiting;
    this.waiting = undefined;
    go?.();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    const bytes = movable(chunk);
    this.onTheirWay += bytes.length;
    this.count += bytes.length;
    this.pieces.push(bytes);
    this.gathered += bytes.length;
    if (this.gathered >= MESSAGE) this.send();
    if (this.onTheirWay < WINDOW) done();
    else this.waiting = done;
  }

  override _final(done: () => void): void {
    this.send();
    this.post({ kind: 'end' }, []);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.pieces = [];
    done(error);
  }

  private send(): void {
    const { pieces } = this;
    this.pieces = [];
    this.gathered = 0;
    if (pieces.length > 0)
      this.post(
        { kind: 'bytes', pieces },
        pieces.map(({ buffer }) => buffer),
      );
  }
}

/** The bytes that the other thread sends. It is told of what was used only when that is so. */
export class BytesIn extends Readable {
  /** Bytes that came so far. */
  count = 0;
  private unsaid = 0;

  constructor(private readonly post: Post) {
    super({ highWaterMark: 1024 * 1024 });
  }

  arrived(pieces: readonly Uint8Array[]): void {
    for (const bytes of pieces) {
      this.count += bytes.length;
      this.unsaid += bytes.length;
      this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    }
  }

  ended(): void {
    this.push(null);
  }

  override _read(): void {
    // What the sender waits for is more than that.
    if (this.unsaid < MESSAGE) return;
    const count = this.unsaid;
    this.unsaid = 0;
    this.post({ kind: 'taken', count }, []);
  }
}

/** Bytes that can change hands without being copied: those that have their memory to themselves. */
function movable(chunk: Buffer): Uint8Array<ArrayBuffer> {
  const alone = chunk.buffer instanceof ArrayBuffer && chunk.byteLength === chunk.buffer.byteLength;
  return alone ? (chunk as Buffer<ArrayBuffer>) : new Uint8Array(chunk);
}
