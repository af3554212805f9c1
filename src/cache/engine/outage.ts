import { CacheUnavailableError } from '../cache.errors.js';
import { Deadline } from './deadline.js';
import { within } from './patience.js';
import { StoreRefusal } from './store.js';

/** What has to be told to the store once it is back: keys to remove, tags to stamp. */
export interface Invalidation {
  keys?: readonly string[];
  tags?: readonly string[];
}

export interface OutageOptions {
  onOutage: 'miss' | 'throw';
  deadline: { read: number; write: number };
  breaker: { failures: number; retry: number };
  isConnected: () => boolean;
  /** Any call that shows that the store answers. */
  ping: () => Promise<unknown>;
  /** A connection that seems to be there, but gives no answer, may be one to nobody. */
  reconnect: () => void;
  /** Tells the store what it missed; reads resume only after it has succeeded. */
  replay: (missed: Required<Invalidation>) => Promise<unknown>;
  onDown: (reason: string) => void;
  onUp: () => void;
}

/** Beyond this, the journal becomes one clear of the whole namespace. */
const LONGEST_JOURNAL = 10_000;
/** So many probes in a row without an answer, and the connection is made anew. */
const SILENT_PROBES = 4;

/**
 * What happens when the store is away: every call has a deadline; after some failures in a row no call is made
 * any more, but a probe; writes that failed are kept as invalidations and replayed before reads resume. A server
 * that is frozen looks like one that is dead: neither answers in time.
 */
export class Outage {
  #isDown = true;
  #failures = 0;
  #silentProbes = 0;
  #nextProbe: NodeJS.Timeout | undefined;
  #isProbing = false;
  #isAskedMeanwhile = false;
  #isClosed = false;
  #onFirstUp: () => void = () => {};
  readonly #firstUp = new Promise<void>((resolve) => (this.#onFirstUp = resolve));
  readonly #keys = new Set<string>();
  readonly #tags = new Set<string>();

  readonly #reads: Deadline;
  readonly #writes: Deadline;
  readonly #replays: Deadline;

  constructor(private readonly options: OutageOptions) {
    const { read, write } = options.deadline;
    this.#reads = new Deadline(read);
    this.#writes = new Deadline(write);
    this.#replays = new Deadline(write * 4);
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  get journalled(): number {
    return this.#keys.size + this.#tags.size;
  }

  /** Resolves when the store has answered for the first time, or after `patience` ms without an answer. */
  async settled(patience: number): Promise<void> {
    await within(this.#firstUp, patience);
  }

  /** @throws CacheUnavailableError when there is no answer in time, or the store is known to be away */
  read<T>(call: () => Promise<T>): Promise<T> {
    return this.#attempt(call, this.#reads, () => {
      this.#failures += 1;
      if (this.#failures >= this.options.breaker.failures) this.#goDown('no answer to reads');
    });
  }

  /** Like `read`, for a write whose failure harms nobody: nothing that was there is made wrong by it. */
  offer<T>(call: () => Promise<T>): Promise<T> {
    return this.#attempt(call, this.#writes, () => {
      this.#failures += 1;
      if (this.#failures >= this.options.breaker.failures) this.#goDown('no answer to writes');
    });
  }

  /**
   * For writes that must not be forgotten: whether it was carried out or not, `undo` makes nothing old be served.
   *
   * @throws CacheUnavailableError after `undo` was journalled; a StoreRefusal is no loss but for
   * tags: keys can be removed instead, by the caller
   */
  async write<T>(call: () => Promise<T>, undo: Invalidation): Promise<T> {
    try {
      return await this.#attempt(call, this.#writes, () => {});
    } catch (error) {
      if (!isRefusal(error) || undo.tags) this.missed(undo);
      throw error;
    }
  }

  /** What a call gives without the store, unless the application wants to know. */
  forgiven<T>(error: unknown, without: T): T {
    if (error instanceof CacheUnavailableError && this.options.onOutage === 'miss') return without;
    throw error;
  }

  /** What has to be known before a write: without it there is none, which must not be forgotten. */
  async sure<T>(known: Promise<T>, undo: Invalidation): Promise<T> {
    try {
      return await known;
    } catch (error) {
      this.missed(undo);
      throw error;
    }
  }

  /** The store has to be told of this before anything is read from it again. */
  missed(invalidation: Invalidation): void {
    this.#journal(invalidation);
    this.#goDown('a write failed', 0);
  }

  /** The connection broke: no need to wait for calls to fail. */
  lost(): void {
    this.#goDown('the connection broke');
  }

  /** Asks at once whether the store is back; called when a connection was made. */
  probeNow(): void {
    if (this.#isDown) this.#schedule(0);
  }

  /** From now on there is no store, and nothing to be told of it. */
  close(): void {
    this.#isClosed = true;
    this.#isDown = true;
    clearTimeout(this.#nextProbe);
    this.#onFirstUp();
  }

  async #attempt<T>(call: () => Promise<T>, deadline: Deadline, onFailure: () => void): Promise<T> {
    if (this.#isDown) throw new CacheUnavailableError('Redis is away');
    try {
      const result = await deadline.bound(call());
      this.#failures = 0;
      return result;
    } catch (cause) {
      if (!this.#isDown && !(cause instanceof StoreRefusal)) onFailure();
      throw new CacheUnavailableError(`Redis failed: ${(cause as Error).message}`, cause);
    }
  }

  #journal({ keys = [], tags = [] }: Invalidation): void {
    for (const key of keys) this.#keys.add(key);
    for (const tag of tags) this.#tags.add(tag);
    if (this.journalled > LONGEST_JOURNAL) {
      this.#keys.clear();
      this.#tags.clear();
      this.#tags.add('*');
    }
  }

  #goDown(reason: string, retry = this.options.breaker.retry): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.options.onDown(reason);
    this.#schedule(retry);
  }

  #schedule(delay: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#nextProbe);
    this.#nextProbe = setTimeout(() => void this.#probe(), delay);
    this.#nextProbe.unref();
  }

  /** One at a time: a second one would find the journal empty while the first has yet to tell what was in it. */
  async #probe(): Promise<void> {
    this.#isAskedMeanwhile = this.#isProbing;
    if (this.#isProbing) return;
    this.#isProbing = true;
    try {
      if (!this.options.isConnected()) throw new Error('not connected');
      await this.#reads.bound(this.options.ping()).catch((error: unknown) => {
        this.#silentProbes += 1;
        if (this.#silentProbes % SILENT_PROBES === 0) this.options.reconnect();
        throw error;
      });
      this.#silentProbes = 0;
      while (this.journalled > 0) await this.#replay();
    } catch {
      this.#schedule(this.#isAskedMeanwhile ? 0 : this.options.breaker.retry);
      return;
    } finally {
      this.#isProbing = false;
    }
    if (this.#isClosed || !this.#isDown) return;
    this.#isDown = false;
    this.#failures = 0;
    this.options.onUp();
    this.#onFirstUp();
  }

  /** What is journalled while this runs is replayed by a further round, the same key included. */
  async #replay(): Promise<void> {
    const missed = { keys: [...this.#keys], tags: [...this.#tags] };
    this.#keys.clear();
    this.#tags.clear();
    try {
      await this.#replays.bound(this.options.replay(missed));
    } catch (error) {
      this.#journal(missed);
      throw error;
    }
  }
}

/** The store answered that it has no room. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof CacheUnavailableError && error.cause instanceof StoreRefusal;
