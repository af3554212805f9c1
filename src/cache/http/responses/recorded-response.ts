import { errorMonitor } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { bytesOf, ResponseTap, type Piece } from './response-tap.js';

/**
 * `record`: collect the body; `not-modified`: collect it, but send none; `instead`: whatever is written is dropped,
 * and these bytes are sent in its place.
 */
export type Verdict = 'record' | 'not-modified' | 'ignore' | { instead: Buffer | undefined };

/** What a recording tells. */
export interface RecordingListener {
  /**
   * The head is about to leave; `whole` is the body where it is sent in one piece. May still change status and
   * headers of the raw response.
   */
  onHead(status: number, headers: OutgoingHttpHeaders, whole: Buffer | undefined): Verdict;
  /** The client left before anything was sent: whether the answer will be made all the same. */
  isStillMade(): boolean;
  /** The handler ended the response and nothing went wrong. */
  onComplete(body: Buffer): void;
  /** The body that was asked for will not come: cut short, of another length than announced, or too large. */
  onBroken(reason: 'aborted' | 'length' | 'body-size'): void;
}

/** Sends a response as it is written and collects its bytes on the way, up to a limit. */
export class RecordedResponse extends ResponseTap {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #announced: number | undefined;
  #state: 'open' | 'recording' | 'over' = 'open';
  #isSent = false;
  #hasEnded = false;
  #instead: { bytes: Buffer | undefined } | undefined;

  constructor(
    raw: ServerResponse,
    private readonly limit: number,
    private readonly listener: RecordingListener,
  ) {
    super(raw);
  }

  override attach(): this {
    const { raw } = this;
    raw.once('close', () => {
      if (this.#isSent || !this.listener.isStillMade()) this.#break('aborted');
    });
    raw.on('pipe', (source: Readable) => {
      if (raw.closed) this.#break('aborted'); // it would never be read to its end
      // A failed source is often answered with a plain end(): what was sent until then looks complete.
      source.once(errorMonitor, () => this.#break('aborted'));
      source.once('close', () => source.readableEnded || this.#break('aborted'));
    });
    return super.attach();
  }

  protected override head(): 'open' | 'aloud' {
    return this.#isSent ? 'aloud' : 'open';
  }

  protected override onFlush(): void {
    this.#sendHead(undefined);
    if (!this.#instead) this.flush();
  }

  protected override onWrite(piece: Piece): boolean {
    if (this.#hasEnded) return this.write(piece); // HTTP/2 ends with a write of its own
    if (this.raw.closed) this.#break('aborted'); // only what comes in one piece is whole with nobody to get it
    this.#sendHead(undefined);
    if (this.#instead) {
      piece.callback?.();
      return true;
    }
    this.#collect(bytesOf(piece));
    return this.write(piece);
  }

  protected override onEnd(piece: Piece): void {
    if (this.#hasEnded) return this.end(piece);
    this.#hasEnded = true;
    const bytes = bytesOf(piece);
    const notModified = this.#sendHead(bytes ?? Buffer.alloc(0)) === 'not-modified';
    const { callback } = piece;
    if (this.#instead) return this.end({ chunk: this.#instead.bytes, encoding: undefined, callback });
    this.#collect(bytes);
    try {
      // Without a client Node makes no head: session middleware would not set the cookie that forbids storing.
      if (this.raw.closed && !this.raw.headersSent) this.composeHead();
      this.end(notModified ? { ...piece, chunk: undefined } : piece);
    } catch (error) {
      this.#break('aborted');
      throw error;
    }
    this.#complete();
  }

  #sendHead(whole: Buffer | undefined): 'not-modified' | undefined {
    if (this.#isSent) return undefined;
    this.#isSent = true;
    if (this.#state === 'over') return undefined;
    const headers = this.raw.getHeaders();
    const length = headers['content-length'];
    this.#announced = length === undefined ? undefined : Number(length);
    const verdict = this.listener.onHead(this.raw.statusCode, headers, whole);
    this.#state = verdict === 'record' || verdict === 'not-modified' ? 'recording' : 'over';
    if (typeof verdict === 'object') this.#instead = { bytes: verdict.instead };
    return verdict === 'not-modified' ? verdict : undefined;
  }

  #collect(bytes: Buffer | undefined): void {
    if (!bytes || this.#state !== 'recording') return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.limit) return this.#break('body-size');
    this.#chunks.push(bytes);
  }

  #complete(): void {
    if (this.#state !== 'recording') return;
    if (this.#announced !== undefined && this.#announced !== this.#bytes) return this.#break('length');
    this.#state = 'over';
    this.listener.onComplete(
      this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks),
    );
  }

  #break(reason: 'aborted' | 'length' | 'body-size'): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#chunks.length = 0;
    this.listener.onBroken(reason);
  }
}
