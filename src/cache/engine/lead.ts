import type { CacheEngine } from './cache-engine.js';
import { lifetimeOf, type Entry } from './entry.js';
import type { Asked } from './lookup.js';
import type { EntryLead, FillOptions, FillOutcome } from './entry-access.js';
import { frameOf } from './frame.js';
import { isRefusal } from './outage.js';
import type { Flight } from './single-flight.js';
import type { Lease } from './store.js';

/** A load that takes thirty times its lease is taken for one that will never end: others load then. */
const MOST_RENEWALS = 60;
/** After a refresh that failed, nobody tries again for so many ms: the entry that is there is served on. */
const REFRESH_PAUSE = 1_000;

/** A question to the cache: what is asked, and what is known before the load. */
export interface Question extends Asked {
  fingerprint?: string | undefined;
  tags: readonly string[];
  /**
   * From 0 to 1, drawn by the caller: whether it is the one to load anew before the entry expires. 0: it
   * is not. Infinity: it is, however fresh the entry.
   */
  luck: number;
}

/** The load of one caller: what it stores is fenced by its lease, and answers those who wait for its flight. */
export class Lead implements EntryLead {
  readonly found = false;
  readonly alone: boolean;
  readonly #began: number;
  #watching: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    private readonly engine: CacheEngine,
    private readonly question: Question,
    private readonly flight: Flight | undefined,
    private readonly lease: Lease | undefined,
    readonly asOf: number,
    /** That of the engine when `asOf` was read: a stamp means nothing in another one. */
    private readonly epoch: number,
    /** Whether there is an entry to be served meanwhile. */
    private readonly isRefresh = false,
  ) {
    this.alone = flight === undefined;
    this.#began = engine.options.clock.now();
    if (flight) this.#watch(flight);
  }

  async fill(
    payload: Buffer,
    { ttl, staleTtl = 0, asOf, tags = [], codec }: FillOptions,
  ): Promise<FillOutcome> {
    if (!this.#end()) return 'skipped';
    const { engine, question } = this;
    const now = engine.options.clock.now();
    const life = Math.ceil(ttl * (1 - engine.options.jitter * Math.random()));
    const entry: Entry = {
      codec,
      asOf: asOf === undefined ? this.asOf : Math.min(asOf, this.asOf),
      storedAt: now,
      freshUntil: now + life,
      staleUntil: now + life + (ttl > 0 ? staleTtl : 0),
      loadTime: Math.max(0, now - this.#began), // the clock may have been set back
      tags: [...new Set([...question.tags, ...tags])],
      ...(question.fingerprint !== undefined && { fingerprint: question.fingerprint }),
      payload,
    };
    this.flight?.settle({ entry });
    try {
      return ttl > 0 ? await this.#store(entry) : await this.#discard();
    } finally {
      if (this.flight) engine.flights.end(this.flight);
    }
  }

  pass(): void {
    this.#giveUp({ passed: true });
  }

  fail(error: unknown): void {
    this.#giveUp({ error });
  }

  async #store(entry: Entry): Promise<FillOutcome> {
    const { engine, lease } = this;
    const { key } = this.question;
    if (this.alone || this.epoch !== engine.epoch) return this.#skip();
    const bytes = entry.payload.length;
    if (bytes > engine.options.maxValueBytes) {
      engine.events.emit('tooLarge', { key, bytes });
      return this.#discard();
    }
    const ticket = engine.memory?.take(key);
    const keepIf = (mayBeKept: boolean, longest?: number) => {
      if (!ticket) return;
      if (mayBeKept && this.epoch === engine.epoch)
        engine.memory?.replace(ticket, entry, engine.options.clock.now(), longest);
      else engine.memory?.leave(ticket);
    };
    if (!lease) {
      // Detached flights were overtaken by a set or delete of this process.
      keepIf(engine.flights.of(key, entry.fingerprint) === this.flight, engine.options.outageTtl);
      return 'skipped';
    }
    try {
      const frame = await frameOf(entry, engine.options.compression);
      const stored = await engine.fills.add({ key, bytes: frame, lifetime: lifetimeOf(entry), lease });
      keepIf(stored);
      engine.events.emit(stored ? 'fill' : 'fenced', { key });
      return stored ? 'stored' : 'fenced';
    } catch (error) {
      keepIf(false);
      if (!isRefusal(error)) return 'skipped';
      engine.events.emit('refused', { key });
      return this.#skip();
    }
  }

  /** What was loaded is not to be kept: then what is there, and known to be older, is not either. */
  async #discard(): Promise<FillOutcome> {
    if (!this.isRefresh) return this.#skip();
    const { engine } = this;
    const keys = [this.question.key];
    await engine.outage.write(() => engine.store.remove(keys), { keys }).catch(() => {});
    engine.forget(this.question.key);
    return 'skipped';
  }

  async #skip(): Promise<FillOutcome> {
    this.#release();
    return 'skipped';
  }

  #giveUp(outcome: { passed: true } | { error: unknown }): void {
    if (!this.#end()) return;
    this.flight?.settle(outcome);
    if (this.flight) this.engine.flights.end(this.flight);
    if (this.isRefresh && 'error' in outcome) this.#pause();
    else this.#release();
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearInterval(this.#watching);
    return true;
  }

  #release(): void {
    const { engine, lease } = this;
    if (lease) void engine.outage.offer(() => engine.store.release(this.question.key, lease)).catch(() => {});
  }

  #pause(): void {
    const { engine, lease } = this;
    const { key } = this.question;
    if (lease) void engine.outage.offer(() => engine.store.extend(key, lease, REFRESH_PAUSE)).catch(() => {});
  }

  /** A load may take longer than its lease: whoever holds it says that it still lives, until it can't be believed. */
  #watch(flight: Flight): void {
    const { engine, lease } = this;
    const lifetime = engine.options.lease.ttl;
    let left = MOST_RENEWALS;
    this.#watching = setInterval(() => {
      if ((left -= 1) === 0) {
        clearInterval(this.#watching);
        engine.flights.end(flight);
      } else if (lease) {
        void engine.outage.offer(() => engine.store.extend(flight.key, lease, lifetime)).catch(() => {});
      }
    }, lifetime / 2);
    this.#watching.unref();
  }
}
