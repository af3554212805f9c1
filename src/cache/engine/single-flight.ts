import type { Entry, Stamp } from './entry.js';

/** How a load ended: with an entry for all, an error for all, or nothing that may be shared. */
export type Outcome = { entry: Entry } | { error: unknown } | { passed: true };

/** One load of one key in this process, that others may wait for. */
export class Flight {
  readonly outcome: Promise<Outcome>;
  /** Known once the load itself begins: what it may not be older than. */
  asOf: Stamp | undefined;
  /** The lease under which it loads. */
  lease: string | undefined;
  #settle!: (outcome: Outcome) => void;

  constructor(
    readonly key: string,
    readonly fingerprint: string | undefined,
    readonly tags: readonly string[],
  ) {
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
  }

  settle(outcome: Outcome): void {
    this.#settle(outcome);
  }
}

/** One load per key and process. A detached flight goes on for those who wait, but nobody joins it any more. */
export class SingleFlight {
  readonly #flights = new Map<string, Flight>();

  get size(): number {
    return this.#flights.size;
  }

  /** The load under way of this key, if it answers the same question. */
  of(key: string, fingerprint: string | undefined): Flight | undefined {
    const flight = this.#flights.get(key);
    return flight?.fingerprint === fingerprint ? flight : undefined;
  }

  begin(key: string, fingerprint: string | undefined, tags: readonly string[]): Flight {
    const flight = new Flight(key, fingerprint, tags);
    this.#flights.set(key, flight);
    return flight;
  }

  /** The load is over. */
  end(flight: Flight): void {
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
  }

  detach(key: string): void {
    this.#flights.delete(key);
  }

  detachWhere(matches: (key: string) => boolean): void {
    for (const key of this.#flights.keys()) if (matches(key)) this.#flights.delete(key);
  }
}
