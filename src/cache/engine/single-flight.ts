import type { Entry, Stamp } from './entry.js';

/** How a load ended: with an entry for all, an error for all, or nothing that may be shared. */
export type Outcome = { entry: Entry } | { error: unknown } | { passed: true };

/** One load of one key in this process, that others may wait for. */
export class Flight {
  /** Known once the load itself begins: what it may not be older than. */
  asOf: Stamp | undefined;
  /** The lease under which it loads. */
  lease: string | undefined;
  #settled: Outcome | undefined;
  #outcome: Promise<Outcome> | undefined;
  #tell: ((outcome: Outcome) => void) | undefined;

  constructor(
    readonly key: string,
    readonly fingerprint: string | undefined,
    readonly tags: readonly string[],
  ) {}

  /** Made for the first who waits: most flights land without anybody waiting. */
  get outcome(): Promise<Outcome> {
    this.#outcome ??= this.#settled
      ? Promise.resolve(this.#settled)
      : new Promise((resolve) => (this.#tell = resolve));
    return this.#outcome;
  }

  /** The first outcome holds. */
  settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = outcome;
    this.#tell?.(outcome);
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
