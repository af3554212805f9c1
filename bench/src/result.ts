/** One way in which a system was set up, and what was measured of it. */
export interface Row {
  readonly system: string;
  /** After the name of the system: which of its settings. */
  readonly label: string;
  /** What it does not do that is asked for, or does otherwise; empty: like for like. */
  readonly differs: readonly string[];
  /** Too unlike what is asked to be judged by: shown, but no target looks at it. */
  readonly aside: boolean;
  /** What is measured, in the unit that its name says; one sample per round. */
  readonly samples: Readonly<Partial<Record<string, readonly number[]>>>;
}

export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export interface ScenarioResult<R extends Row = Row> {
  readonly id: string;
  /** Which columns its table has. */
  readonly kind: string;
  readonly title: string;
  /** What was done, in a sentence or two. */
  readonly how: string;
  readonly rows: readonly R[];
  readonly leftOut: readonly LeftOut[];
  /** Load average of the last minute, before and after. */
  readonly load: readonly [number, number];
  readonly rounds: number;
}

export interface Machine {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  /** Absent where none takes part. */
  readonly redis?: string;
  readonly mongodb?: string;
  /** Of the package that was measured, and where it stood. */
  readonly measured: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface RunResult<R extends Row = Row> {
  readonly machine: Machine;
  /** Every scenario and every system, at full length: fit for the docs. */
  readonly complete: boolean;
  readonly pace: { readonly rounds: number; readonly ms: number };
  readonly scenarios: readonly ScenarioResult<R>[];
}

/** A target, what this run gave, and whether that is enough. */
export interface Verdict {
  readonly scenario: string;
  readonly target: string;
  readonly measured: string;
  /** Undefined: this run did not measure what it takes. */
  readonly reached: boolean | undefined;
}

/** `flora, 2 tags`. */
export const nameOf = ({ system, label }: Pick<Row, 'system' | 'label'>): string =>
  label === '' ? system : `${system}, ${label}`;

export const samplesOf = (row: Row, metric: string): readonly number[] => row.samples[metric] ?? [];
