import type { CacheEngine } from './cache-engine.js';
import { freshness, isEarly, OLDEST, type Entry } from './entry.js';
import type { EntryLead, FoundEntry } from './entry-access.js';
import { Lead, type Question } from './lead.js';
import type { Found, Lookup } from './lookup.js';
import { within } from './patience.js';
import type { Flight, Outcome } from './single-flight.js';
import { Lease } from './store.js';

/** How often a lease that another process holds is looked at, should its message get lost. */
const POLL = 100;
/** An epoch that never comes: what is loaded in it goes to its callers only. */
const NEVER_KEPT = -1;
/** The lease could be neither had nor seen, say in a Redis that is full: what is stale is served all the same. */
const NO_LEASE = Symbol('no lease');
/** Loads of others that a caller waits for, one after another, before it loads for itself alone. */
const MOST_WAITS = 4;

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
    for (let waits = 0; waits < MOST_WAITS; waits += 1) {
      const kept = lookup.peek(question);
      if (kept && !this.#isDue(question, kept)) return this.#answer(key, kept, 'memory');

      const came = engine.options.clock.now();
      const flight = engine.flights.of(key, fingerprint);
      // The load of this process is of no use to whoever wants what other processes changed since it began.
      if (!flight || (question.isStrict && !engine.outage.isDown)) return this.#begin(question);
      if (kept && this.#isFresh(kept)) return this.#answer(key, kept, 'memory');
      if (flight.asOf !== undefined && engine.registry.verdict(clearTags, tags, flight.asOf) === false) {
        engine.flights.detach(key);
        return this.#begin(question);
      }
      const outcome = await this.#outcome(flight);
      if (outcome === undefined) {
        // One of those who waited too long loads beside it, and the others wait for that.
        if (engine.flights.of(key, fingerprint) === flight) return this.#beside(question);
        continue;
      }
      if ('passed' in outcome) break;
      if ('error' in outcome) throw outcome.error;
      const { entry } = outcome;
      // The stale answer of a refresh that takes longer than it may be served.
      if (entry.storedAt < came && freshness(entry, came) === 'expired') engine.flights.detach(key);
      else if (await this.#isValid(question, entry)) return this.#answer(key, entry, 'flight');
    }
    return this.#alone(question);
  }

  async #begin(question: Question): Promise<FoundEntry | EntryLead> {
    const { engine } = this;
    const { key, fingerprint, tags, isStrict } = question;
    // Whoever must be sure begins a flight only with its lease: until then it may find that another's is as good.
    const flight = isStrict ? undefined : engine.flights.begin(key, fingerprint, tags);
    try {
      return await this.#look(question, flight);
    } catch (error) {
      if (error instanceof FlightFailure) throw error.cause;
      // The store is away: load for this process, and keep the result in memory for a moment.
      engine.events.emit('miss', { key });
      const asOf = engine.registry.clock;
      const own = flight ?? engine.flights.begin(key, fingerprint, tags);
      // One call without an answer is not an outage yet: what the registry knows is unknown, so nothing is kept.
      if (asOf === undefined) return new Lead(engine, question, own, undefined, OLDEST, NEVER_KEPT);
      own.asOf = asOf;
      return new Lead(engine, question, own, undefined, asOf, engine.epoch);
    }
  }

  /** In the store, or in the hands of another process, or ours to load. */
  async #look(question: Question, begun: Flight | undefined): Promise<FoundEntry | EntryLead> {
    const { engine, lookup } = this;
    const { key, fingerprint, tags } = question;
    const { epoch } = engine;
    const { lease: terms, clock } = engine.options;
    const patience = clock.now() + terms.wait;
    let found = await lookup.find(question);
    for (;;) {
      if (found && !this.#isDue(question, found.entry)) return this.#landed(key, begun, found);
      const newest = await this.#newest(question);
      const asOf = await engine.registry.asOf();
      const lease = new Lease(asOf, fingerprint);
      const stale = found;
      const leased = engine.leases.add({ key, lease, lifetime: terms.ttl, newerThan: newest });
      const [holder, again] = await Promise.all([
        leased.then((one) => one.holder),
        lookup.load(
          question,
          leased.then((one) => one.frame),
        ),
      ]).catch((error: unknown) => {
        if (!stale || epoch !== engine.epoch) throw error;
        return [NO_LEASE, stale] as const;
      });
      found = again;
      const isTaken = holder === undefined;
      const isOurs = isTaken || holder === NO_LEASE;
      if (found && !this.#isDue(question, found.entry)) {
        if (isTaken) void engine.outage.offer(() => engine.store.release(key, lease)).catch(() => {});
        return this.#landed(key, begun, found);
      }
      if (isOurs) {
        const flight = begun ?? engine.flights.begin(key, fingerprint, tags);
        flight.asOf = asOf;
        if (isTaken) flight.lease = lease.text;
        const held = isTaken ? lease : undefined;
        const lead = new Lead(engine, question, flight, held, asOf, epoch, found !== undefined);
        if (!found) {
          engine.events.emit('miss', { key });
          return lead;
        }
        flight.settle({ entry: found.entry });
        return { ...this.#answer(key, found.entry, found.source), refresh: lead };
      }
      if (found) return this.#landed(key, begun, found); // being loaded anew elsewhere
      const flight = engine.flights.of(key, fingerprint);
      if (!begun && flight?.lease === holder) {
        const joined = await this.#join(question, flight);
        if (joined) return joined;
      }
      if (clock.now() >= patience) return this.#beside(question, begun);
      await engine.bus.change(key, POLL);
      found = await lookup.find(question);
    }
  }

  /** For whoever must be sure: the load whose lease was alive after it came, judged by what the store knows then. */
  async #join(question: Question, flight: Flight): Promise<FoundEntry | undefined> {
    const outcome = await this.#outcome(flight);
    if (!outcome || 'passed' in outcome) return undefined;
    if ('error' in outcome) throw new FlightFailure('the load failed', { cause: outcome.error });
    const { entry } = outcome;
    const stamps = await this.engine.registry.stampsInStore([...question.clearTags, ...entry.tags]);
    return stamps.every((stamp) => stamp <= entry.asOf)
      ? this.#answer(question.key, entry, 'flight')
      : undefined;
  }

  /** A load for this process, beside one that takes too long; nothing of it is stored. */
  async #beside(question: Question, begun?: Flight): Promise<EntryLead> {
    const { engine } = this;
    const { key, fingerprint, tags } = question;
    engine.events.emit('miss', { key });
    const flight = begun ?? engine.flights.begin(key, fingerprint, tags);
    const asOf = engine.registry.clock ?? (await engine.registry.asOf().catch(() => undefined));
    flight.asOf = asOf ?? OLDEST; // of which nobody can say that it is valid: it answers its caller alone
    return new Lead(engine, question, flight, undefined, flight.asOf, NEVER_KEPT);
  }

  /** A load for its caller only. */
  #alone(question: Question): EntryLead {
    this.engine.events.emit('miss', { key: question.key });
    return new Lead(this.engine, question, undefined, undefined, OLDEST, NEVER_KEPT);
  }

  #landed(key: string, flight: Flight | undefined, { entry, source }: Found): FoundEntry {
    flight?.settle({ entry });
    if (flight) this.engine.flights.end(flight);
    return this.#answer(key, entry, source);
  }

  #answer(key: string, entry: Entry, source: FoundEntry['source']): FoundEntry {
    const stale = !this.#isFresh(entry);
    this.engine.events.emit(stale ? 'stale' : 'hit', { key, source });
    return { found: true, entry, source, stale };
  }

  #isFresh(entry: Entry): boolean {
    return freshness(entry, this.engine.options.clock.now()) === 'fresh';
  }

  /** Whether it is to be loaded anew: it is stale, or it is about to be and this caller has drawn the lot. */
  #isDue({ luck }: Question, entry: Entry): boolean {
    return luck === Infinity || isEarly(entry, this.engine.options.clock.now(), luck);
  }

  async #newest({ clearTags, tags, isStrict }: Question): Promise<number> {
    const { registry } = this.engine;
    const all = [...clearTags, ...tags];
    return isStrict ? Math.max(0, ...(await registry.stampsInStore(all))) : registry.newest(all);
  }

  async #isValid({ clearTags }: Question, { tags, asOf }: Entry): Promise<boolean> {
    return this.engine.registry.isValid(clearTags, tags, asOf).catch(() => false);
  }

  /** The flight's outcome, or undefined when its load takes longer than anybody should wait for another. */
  async #outcome(flight: Flight): Promise<Outcome | undefined> {
    const { wait } = this.engine.options.lease;
    const isLoading = flight.asOf !== undefined;
    const outcome = await within(flight.outcome, wait);
    // The time until its load began was spent in waiting for another process.
    return outcome ?? (isLoading ? undefined : within(flight.outcome, wait));
  }
}

/** The error of a load that was joined, which is not one of the store. */
class FlightFailure extends Error {}
