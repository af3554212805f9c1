import type * as shared from '../benchmark.js';
import type { Row } from '../result.js';
import type { QueryServers } from './servers.js';
import type { Setting, System } from './system.js';

export type Bench = shared.Bench<QueryServers, System>;
export type Scenario = shared.Scenario<QueryServers, System, Row>;
export type Outcome = shared.Outcome<Row>;

/** A setting of a system that takes part. */
export interface Participant {
  readonly system: System;
  readonly setting: Setting;
}

export function row(
  { system, setting }: Participant,
  samples: Row['samples'],
  differs: readonly string[] = [],
): Row {
  const { label, aside = false } = setting;
  return { system: system.name, label, differs: [...setting.differs, ...differs], aside, samples };
}
