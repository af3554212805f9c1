import { Readable, Writable } from 'node:stream';
import type { ThreadMessage } from './thread-messages.js';

type Post = (message: ThreadMessage, transfer: ArrayBuffer[]) => void;

/** How many bytes may be on their way in one direction: enough to keep both sides busy, little to hold. */
const WINDOW = 4 * 1024 * 1024;

/** Sends bytes to the other thread, no more of them than it can use. */
export class BytesOut extends Writable {
  /** Bytes sent so far. */
  count = 0;
  private onTheirWay = 0;
  private waiting: (() => void) | undefined;

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
    this.post({ kind: 'bytes', bytes }, [bytes.buffer]);
    if (this.onTheirWay < WINDOW) done();
    else this.waiting = done;
  }

  override _final(done: () => void): void {
    this.post({ kind: 'end' }, []);
    done();
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

  arrived(bytes: Uint8Array): void {
    this.count += bytes.length;
    this.unsaid += bytes.length;
    this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  ended(): void {
    this.push(null);
  }

  override _read(): void {
    if (this.unsaid === 0) return;
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
