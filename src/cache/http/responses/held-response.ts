import type { ServerResponse } from 'node:http';
import { ResponseTap, type Piece } from './response-tap.js';

/**
 * Holds a successful response back, from its first byte, until some work is done, so that whoever reads the
 * answer to a write finds the write. A response that comes in pieces is held once more before its last one.
 */
export class HeldResponse extends ResponseTap {
  readonly #waiting: (() => void)[] = [];
  #state: 'open' | 'holding' | 'released' = 'open';
  #hasEnded = false;
  #owesDrain = false;

  /** @param work done for a status below 400; must not reject */
  constructor(
    raw: ServerResponse,
    private readonly work: () => Promise<void>,
  ) {
    super(raw);
  }

  override attach(): this {
    this.raw.once('close', () => {
      // The client left before the handler answered. What it did by then is unknown, so it counts as done.
      if (!this.#hasEnded && this.raw.statusCode < 400) void this.work();
    });
    return super.attach();
  }

  protected override head(): 'open' | 'ignored' | 'aloud' {
    if (this.#state === 'open') return 'open';
    return this.#state === 'holding' ? 'ignored' : 'aloud';
  }

  protected override onFlush(): void {
    this.#pass(() => this.flush());
  }

  protected override onWrite(piece: Piece): boolean {
    if (this.#state === 'released') return this.write(piece);
    if (this.#hasEnded) return false;
    this.#pass(() => this.write(piece));
    this.#owesDrain = this.#isHolding();
    return !this.#owesDrain;
  }

  protected override onEnd(piece: Piece): void {
    if (this.#hasEnded) {
      if (this.#state === 'released') this.end(piece);
      return;
    }
    this.#hasEnded = true;
    if (this.#state === 'released' && this.raw.statusCode < 400) this.#state = 'open';
    this.#pass(() => this.end(piece));
  }

  #pass(step: () => void): void {
    if (this.#state === 'released' || (this.#state === 'open' && this.raw.statusCode >= 400)) {
      this.#state = 'released';
      step();
      return;
    }
    this.#waiting.push(step);
    if (this.#isHolding()) return;
    this.#state = 'holding';
    void this.work().finally(() => this.#release());
  }

  #isHolding(): boolean {
    return this.#state === 'holding';
  }

  #release(): void {
    this.#state = 'released';
    const endedInPieces = this.#hasEnded && this.#waiting.length > 1;
    const last = endedInPieces ? this.#waiting.pop() : undefined;
    for (const step of this.#waiting.splice(0)) step();
    if (this.#owesDrain) this.raw.emit('drain');
    this.#owesDrain = false;
    if (!last) return;
    // What the handler did between its first piece and its last is not covered by the work done so far.
    this.#state = 'open';
    this.#pass(last);
  }
}
