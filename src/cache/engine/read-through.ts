import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheEngine, Found } from './cache-engine.js';
import { encodeEntry, freshness, type Entry } from './entry.js';
import type { EntryLead, FillOptions, FillOutcome, FoundEntry } from './entry-access.js';
import { Lease } from './store.js';
import type { Flight } from './single-flight.js';

/** How often a lease that another process holds is looked at, should its message get lost. */
const POLL = 100;

/** A load that takes more than ten leases is taken for one that will never end: others may load then. */
const MOST_RENEWALS = 20;

/** A question to the cache: the entry key, the clear tags of its namespace, and what is known before the load. */
export interface Question {
  key: string;
  clearTags: readonly string[];
  fingerprint?: string | undefined;
  tags: readonly string[];
}

/**
 * Hit → load under way in this process → store → lease → load by the caller → fill. Gives either the entry or
 * the lead: the right, and the duty, to load.
 */
export class ReadThrough {
  constructor(private readonly engine: CacheEngine) {}

  async open(question: Question): Promise<FoundEntry | EntryLead> {
    const { engine } = this;
    const { key, clearTags, fingerprint, tags } = question;
    // A flight that turns out to be of no use is followed by a load of one's own; twice is bad luck enough.
    for (let tries = 0; tries < 2; tries += 1) {
      const kept = engine.peek(key, clearTags, fingerprint);
      if (kept && this.#isFresh(kept.entry)) return this.#answer(key, kept);

      const flight = engine.flights.of(key, fingerprint);
      if (!flight) return this.#begin(question);
      if (
        flight.asOf !== undefined &&
        engine.registry.verdict([...clearTags, ...tags], flight.asOf) === false
      ) {
        engine.flights.detach(key);
        return this.#begin(question);
      }
      const outcome = await this.#wait(flight);
      if (outcome === undefined || 'passed' in outcome) break;
      if ('error' in outcome) throw outcome.error;
      const { entry } = outcome;
      if (await this.#isValid([...clearTags, ...entry.tags], entry))
        return this.#answer(key, { entry, source: 'flight' });
    }
    engine.events.emit('miss', { key });
    return new Lead(engine, question, undefined, undefined, await engine.asOf(), engine.epoch);
  }

  async #begin(question: Question): Promise<FoundEntry | EntryLead> {
    const { engine } = this;
    const flight = engine.flights.begin(question.key, question.fingerprint, question.tags);
    try {
      return await this.#look(question, flight);
    } catch (error) {
      // The store is away: load for this process, and keep the result in memory for a moment.
      engine.events.emit('miss', { key: question.key });
      const { epoch } = engine;
      flight.asOf = await engine.asOf().catch(() => {
        flight.settle({ passed: true });
        engine.flights.end(flight);
        throw error;
      });
      return new Lead(engine, question, flight, undefined, flight.asOf, epoch);
    }
  }

  /** In the store, or in the hands of another process, or ours to load. */
  async #look(question: Question, flight: Flight): Promise<FoundEntry | EntryLead> {
    const { engine } = this;
    const { key, clearTags, fingerprint, tags } = question;
    const { epoch } = engine;
    let [found] = await engine.find([key], clearTags, fingerprint);
    if (found && this.#isFresh(found.entry)) return this.#landed(flight, found);

    const patience = engine.options.clock.now() + engine.options.lease.wait;
    for (;;) {
      const asOf = await engine.registry.asOf();
      const newest = await engine.registry.newest([...clearTags, ...tags]);
      const lease = new Lease(asOf, fingerprint);
      const [taken, [again]] = await Promise.all([
        engine.outage.offer(() => engine.store.acquire(key, lease, engine.options.lease.ttl, newest)),
        engine.load([key], clearTags, fingerprint), // sent behind it: sees what was stored until then
      ]);
      found = again;
      if (found && this.#isFresh(found.entry)) {
        if (taken) void engine.outage.offer(() => engine.store.release(key, lease)).catch(() => {});
        return this.#landed(flight, found);
      }
      if (taken) {
        flight.asOf = asOf;
        const lead = new Lead(engine, question, flight, lease, asOf, epoch);
        if (!found) {
          engine.events.emit('miss', { key });
          return lead;
        }
        flight.settle({ entry: found.entry });
        return { ...this.#answer(key, found), refresh: lead };
      }
      if (found) return this.#landed(flight, found); // stale, and being loaded elsewhere
      if (engine.options.clock.now() >= patience) {
        flight.settle({ passed: true });
        engine.flights.end(flight);
        engine.events.emit('miss', { key });
        return new Lead(engine, question, undefined, undefined, asOf, epoch);
      }
      await engine.bus.change(key, POLL);
      [found] = await engine.find([key], clearTags, fingerprint);
      if (found && this.#isFresh(found.entry)) return this.#landed(flight, found);
    }
  }

  #landed(flight: Flight, found: Found): FoundEntry {
    flight.settle({ entry: found.entry });
    this.engine.flights.end(flight);
    return this.#answer(flight.key, found);
  }

  #answer(key: string, { entry, source }: { entry: Entry; source: FoundEntry['source'] }): FoundEntry {
    const stale = !this.#isFresh(entry);
    this.engine.events.emit(stale ? 'stale' : 'hit', { key, source });
    const { payload, storedAt, freshUntil, codec } = entry;
    return { found: true, payload, codec, storedAt, freshUntil, source, stale };
  }

  #isFresh(entry: Entry): boolean {
    return freshness(entry, this.engine.options.clock.now()) === 'fresh';
  }

  async #isValid(tags: readonly string[], entry: Entry): Promise<boolean> {
    return this.engine.registry.isValid(tags, entry.asOf).catch(() => false);
  }

  /** The flight's outcome, or undefined when it takes longer than anybody should wait for another. */
  async #wait(flight: Flight) {
    const bound = new AbortController();
    const late = sleep(this.engine.options.lease.wait, undefined, { signal: bound.signal, ref: false });
    try {
      return await Promise.race([flight.outcome, late.catch(() => {})]);
    } finally {
      bound.abort();
    }
  }
}

/** The load of one caller: what it stores is fenced by its lease, and answers those who wait for its flight. */
class Lead implements EntryLead {
  readonly found = false;
  readonly alone: boolean;
  readonly #began: number;
  #renewal: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    private readonly engine: CacheEngine,
    private readonly question: Question,
    private readonly flight: Flight | undefined,
    private readonly lease: Lease | undefined,
    readonly asOf: number,
    /** That of the engine when `asOf` was read: a stamp means nothing in another one. */
    private readonly epoch: number,
  ) {
    this.alone = flight === undefined;
    this.#began = engine.options.clock.now();
    if (lease) this.#renew(lease);
  }

  async fill(
    payload: Buffer,
    { ttl, staleTtl = 0, tags = [], codec = 'typed' }: FillOptions,
  ): Promise<FillOutcome> {
    if (!this.#end()) return 'skipped';
    const { engine, question } = this;
    const now = engine.options.clock.now();
    const life = Math.ceil(ttl * (1 - engine.options.jitter * Math.random()));
    const entry: Entry = {
      codec,
      asOf: this.asOf,
      storedAt: now,
      freshUntil: now + life,
      staleUntil: now + life + (ttl > 0 ? staleTtl : 0),
      loadTime: now - this.#began,
      tags: [...new Set([...question.tags, ...tags])],
      ...(question.fingerprint !== undefined && { fingerprint: question.fingerprint }),
      payload,
    };
    this.flight?.settle({ entry });
    try {
      return ttl > 0 ? await this.#store(entry) : await this.#skip();
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
    const bytes = encodeEntry(entry);
    if (bytes.length > engine.options.maxValueBytes) {
      engine.events.emit('tooLarge', { key, bytes: bytes.length });
      return this.#skip();
    }
    const ticket = engine.memory?.take(key);
    const keep = (longest?: number) => {
      if (ticket && this.epoch === engine.epoch)
        engine.memory?.put(ticket, entry, engine.options.clock.now(), longest);
      else if (ticket) engine.memory?.leave(ticket);
    };
    if (!lease) {
      // Detached flights were overtaken by a set or delete of this process.
      if (engine.flights.of(key, entry.fingerprint) === this.flight) keep(engine.options.outageTtl);
      else if (ticket) engine.memory?.leave(ticket);
      return 'skipped';
    }
    try {
      const write = { key, bytes, lifetime: entry.staleUntil - entry.storedAt };
      const stored = await engine.outage.offer(() => engine.store.fill(write, lease));
      if (stored) keep();
      else if (ticket) engine.memory?.leave(ticket);
      engine.events.emit(stored ? 'fill' : 'fenced', { key });
      return stored ? 'stored' : 'fenced';
    } catch {
      if (ticket) engine.memory?.leave(ticket);
      return 'skipped';
    }
  }

  async #skip(): Promise<FillOutcome> {
    this.#release();
    return 'skipped';
  }

  #giveUp(outcome: { passed: true } | { error: unknown }): void {
    if (!this.#end()) return;
    this.flight?.settle(outcome);
    if (this.flight) this.engine.flights.end(this.flight);
    this.#release();
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearInterval(this.#renewal);
    return true;
  }

  #release(): void {
    const { engine, lease } = this;
    if (lease) void engine.outage.offer(() => engine.store.release(this.question.key, lease)).catch(() => {});
  }

  /** A load may take longer than the lease: whoever holds it says that it still lives. */
  #renew(lease: Lease): void {
    const { engine, question } = this;
    const lifetime = engine.options.lease.ttl;
    let left = MOST_RENEWALS;
    this.#renewal = setInterval(() => {
      if ((left -= 1) === 0) clearInterval(this.#renewal);
      void engine.outage.offer(() => engine.store.extend(question.key, lease, lifetime)).catch(() => {});
    }, lifetime / 2);
    this.#renewal.unref();
  }
}
