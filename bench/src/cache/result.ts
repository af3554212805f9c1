import type * as shared from '../result.js';
import type { Ask } from './system.js';

export { nameOf, samplesOf, type LeftOut } from '../result.js';

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

export interface Row extends shared.Row {
  readonly ask: Ask;
}

export type ScenarioResult = shared.ScenarioResult<Row>;
export type RunResult = shared.RunResult<Row>;
