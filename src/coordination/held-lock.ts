import type { Lock } from './lock.js';

export interface HoldOptions {
  readonly lock: Lock;
  readonly name: string;
  /** Unique for this holding. */
  readonly holder: string;
  readonly ttlMs: number;
  readonly turn?: number | undefined;
  /** True for a holder that is known to be no more: its lock is taken from it instead of waited for. */
  readonly isDead: (holder: string) => boolean;
  /** What `signal` is aborted with. */
  readonly lost: () => Error;
  /** Told when it was given back. */
  readonly released: (lock: HeldLock) => void;
}

/** A lock that is held and renewed until it is released or lost. */
export class HeldLock {
  /** Aborted when the lock is lost: whatever it stood for must end, and do no more harm. */
  readonly signal: AbortSignal;
  private readonly stop = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private released = false;
  private renewal: Promise<void> | undefined;

  private constructor(
    private readonly options: HoldOptions,
    /** Higher than that of everyone who held this name before. */
    readonly token: number,
    /** By this process's own clock that is never set: until then nobody else can have it. */
    private sureUntil: number,
  ) {
    this.signal = this.stop.signal;
    this.beat();
  }

  /** @returns undefined when another holds the lock, or the turn was taken */
  static async take(options: HoldOptions): Promise<HeldLock | undefined> {
    const { lock, name, holder, ttlMs, turn, isDead } = options;
    const asked = performance.now();
    let token = await lock.acquire(name, holder, ttlMs, turn);
    if (token === undefined) {
      const other = await lock.holder(name);
      if (other === undefined || !isDead(other)) return undefined;
      await lock.release(name, other);
      token = await lock.acquire(name, holder, ttlMs, turn);
    }
    return token === undefined ? undefined : new HeldLock(options, token, asked + ttlMs);
  }

  /**
   * Asks whether it is still held, before a step that can't be taken back.
   *
   * @throws what `lost` makes
   */
  async confirm(): Promise<void> {
    if (!this.signal.aborted) await this.renewed();
    this.signal.throwIfAborted();
  }

  /** Gives it back; that this fails costs others some time, no more. */
  async release(): Promise<void> {
    this.released = true;
    clearTimeout(this.timer);
    await this.renewal;
    const { lock, name, holder, released } = this.options;
    await lock.release(name, holder).catch(() => undefined);
    released(this);
  }

  private beat(): void {
    if (this.released || this.signal.aborted) return;
    this.timer = setTimeout(() => {
      this.renewal = this.renewed().then(() => this.beat());
    }, this.options.ttlMs / 3);
    this.timer.unref();
  }

  private async renewed(): Promise<void> {
    const { lock, name, holder, ttlMs } = this.options;
    const asked = performance.now();
    // Whatever becomes of the question: from then on another may have it.
    const over = setTimeout(() => this.lose(), Math.max(0, this.sureUntil - asked));
    try {
      if (await lock.renew(name, holder, ttlMs)) this.sureUntil = asked + ttlMs;
      else this.lose();
    } catch {
      // Out of reach: others can't have taken it before it has run out.
      if (performance.now() >= this.sureUntil) this.lose();
    } finally {
      clearTimeout(over);
    }
  }

  private lose(): void {
    if (!this.released) this.stop.abort(this.options.lost());
  }
}
