import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheEngine } from './cache-engine.js';
import type { Found, Lookup } from './lookup.js';
import { freshness, OLDEST, type Entry } from './entry.js';
import type { EntryLead, FoundEntry } from './entry-access.js';
import { Lead, type Question } from './lead.js';
import { Lease } from './store.js';
import type { Flight } from './single-flight.js';

/** How often a lease that another process holds is looked at, should its message get lost. */
const POLL = 100;
/** An epoch that never comes: what is loaded in it goes to its callers only. */
const NEVER_KEPT = -1;

/**
 * Hit → load under way in this process → store → lease → load by the caller → fill. Gives either the entry or
 * the lead: the right, and the duty, to load.
 */
export class ReadThrough {
  constructor(
    private readonly engine: CacheEngine,
    private readonly lookup: Lookup,
  ) {}

  async open(question: Question): Promise<FoundEntry | EntryLead> {
    const { engine, lookup } = this;
    const { key, clearTags, fingerprint, tags } = question;
    // A flight that turns out to be of no use is followed by a load of one's own; twice is bad luck enough.
    for (let tries = 0; tries < 2; tries += 1) {
      const kept = lookup.peek(key, clearTags, fingerprint);
      if (kept && this.#isFresh(kept.entry)) return this.#answer(key, kept);

      const came = engine.options.clock.now();
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
      // The stale answer of a refresh that takes longer than it may be served.
      if (entry.storedAt < came && freshness(entry, came) === 'expired') engine.flights.detach(key);
      else if (await this.#isValid([...clearTags, ...entry.tags], entry))
        return this.#answer(key, { entry, source: 'flight' });
    }
    return this.#alone(question);
  }

  async #begin(question: Question): Promise<FoundEntry | EntryLead> {
    const { engine } = this;
    const flight = engine.flights.begin(question.key, question.fingerprint, question.tags);
    try {
      return await this.#look(question, flight);
    } catch {
      // The store is away: load for this process, and keep the result in memory for a moment.
      engine.events.emit('miss', { key: question.key });
      const asOf = engine.registry.clock;
      // One call without an answer is not an outage yet: what the registry knows is unknown, so nothing is kept.
      if (asOf === undefined) return new Lead(engine, question, flight, undefined, OLDEST, NEVER_KEPT);
      flight.asOf = asOf;
      return new Lead(engine, question, flight, undefined, asOf, engine.epoch);
    }
  }

  /** In the store, or in the hands of another process, or ours to load. */
  async #look(question: Question, flight: Flight): Promise<FoundEntry | EntryLead> {
    const { engine, lookup } = this;
    const { key, clearTags, fingerprint, tags } = question;
    const { epoch } = engine;
    let [found] = await lookup.find([key], clearTags, fingerprint);
    if (found && this.#isFresh(found.entry)) return this.#landed(flight, found);

    const patience = engine.options.clock.now() + engine.options.lease.wait;
    for (;;) {
      const asOf = await engine.registry.asOf();
      const newest = await engine.registry.newest([...clearTags, ...tags]);
      const lease = new Lease(asOf, fingerprint);
      const [taken, [again]] = await Promise.all([
        engine.outage.offer(() => engine.store.acquire(key, lease, engine.options.lease.ttl, newest)),
        lookup.load([key], clearTags, fingerprint), // sent behind it: sees what was stored until then
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
        return this.#alone(question);
      }
      await engine.bus.change(key, POLL);
      [found] = await lookup.find([key], clearTags, fingerprint);
      if (found && this.#isFresh(found.entry)) return this.#landed(flight, found);
    }
  }

  /** A load for its caller only, beside one that takes too long. */
  #alone(question: Question): EntryLead {
    this.engine.events.emit('miss', { key: question.key });
    return new Lead(this.engine, question, undefined, undefined, OLDEST, NEVER_KEPT);
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
