import type { Pace } from './harness/rounds.js';
import type { LeftOut, Row, RunResult, ScenarioResult, Verdict } from './result.js';

/** What takes part, and whose versions belong to a result. */
export interface NamedSystem {
  readonly name: string;
  /** npm packages of the benchmarks; none for our own. */
  readonly packages: readonly string[];
}

/** Servers for one run alone: they are emptied between scenarios, so none that holds anything is ever used. */
export interface BenchServers {
  readonly versions: {
    readonly redis?: string;
    readonly mongodb?: string;
    /** Programs that take part. */
    readonly programs?: Readonly<Record<string, string>>;
  };
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** What a scenario runs on. */
export interface Bench<Servers extends BenchServers, System extends NamedSystem> {
  readonly servers: Servers;
  readonly systems: readonly System[];
  readonly pace: Pace;
}

export interface Scenario<Servers extends BenchServers, System extends NamedSystem, R extends Row> {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly how: string;
  readonly run: (bench: Bench<Servers, System>) => Promise<Outcome<R>>;
}

export interface Outcome<R extends Row> {
  readonly rows: readonly R[];
  readonly leftOut: readonly LeftOut[];
  /** Counted ones. */
  readonly rounds: number;
}

export type Column<R extends Row> = readonly [title: string, cell: (row: R, all: readonly R[]) => string];

/** `npm run bench:<name>`: all that is not the same for every benchmark. */
export interface Benchmark<
  Servers extends BenchServers,
  System extends NamedSystem,
  R extends Row,
> extends Reporting<R> {
  readonly fullPace: Pace;
  readonly scenarios: readonly Scenario<Servers, System, R>[];
  readonly systems: readonly System[];
  readonly start: () => Promise<Servers>;
}

/** How the results of a benchmark are shown. */
export interface Reporting<R extends Row> {
  /** Part of the names of its results, and of the markers of its figures in docs/benchmarks.md. */
  readonly name: string;
  readonly title: string;
  /** How deep its headings are on that page. */
  readonly depth: number;
  /** Between the name of a row and what differs, by the kind of the scenario. */
  readonly columns: Readonly<Record<string, readonly Column<R>[]>>;
  readonly judge: (results: readonly ScenarioResult<R>[]) => Verdict[];
  /** SVG for docs/benchmarks.svg. */
  readonly chart?: (result: RunResult<R>) => string;
}
