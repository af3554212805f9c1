import type { Ask } from './system.js';

/** What is measured, in the unit that its name says; one sample per round. */
export type Metric =
  | 'opsPerSecond'
  | 'cpuMicrosecondsPerOp'
  | 'invalidateMs'
  | 'readsMs'
  | 'factoryRuns'
  | 'answeredMs'
  | 'bytesPerEntry'
  | 'bytesPerEntryOnceInvalidated';

export interface Row {
  readonly system: string;
  readonly label: string;
  readonly ask: Ask;
  readonly differs: readonly string[];
  readonly aside: boolean;
  readonly samples: Readonly<Partial<Record<Metric, readonly number[]>>>;
}

export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export type Kind = 'throughput' | 'invalidation' | 'stampede' | 'memory' | 'redis-bytes';

export interface ScenarioResult {
  readonly id: string;
  readonly kind: Kind;
  readonly title: string;
  /** What was done, in a sentence or two. */
  readonly how: string;
  readonly rows: readonly Row[];
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
  readonly redis: string;
  /** Of the package that was measured, and where it stood. */
  readonly measured: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface RunResult {
  readonly machine: Machine;
  /** Every scenario and every system, at full length: fit for the docs. */
  readonly complete: boolean;
  readonly pace: { readonly rounds: number; readonly ms: number };
  readonly scenarios: readonly ScenarioResult[];
}

/** `flora, 2 tags`. */
export const nameOf = ({ system, label }: Pick<Row, 'system' | 'label'>): string =>
  label === '' ? system : `${system}, ${label}`;

export const samplesOf = (row: Row, metric: Metric): readonly number[] => row.samples[metric] ?? [];
