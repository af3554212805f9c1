import type { NamedSystem } from '../benchmark.js';
import type * as shared from '../benchmark.js';
import type { Row } from '../result.js';
import type { BackupServers } from './servers.js';

export type Bench = shared.Bench<BackupServers, NamedSystem>;
export type Scenario = shared.Scenario<BackupServers, NamedSystem, Row>;
export type Outcome = shared.Outcome<Row>;

/** The programs by themselves, and this package. */
export const TOOLS: NamedSystem = { name: 'tools', packages: [] };
export const FLORA: NamedSystem = { name: 'flora', packages: [] };

export const ENGINES = ['mongodump', 'driver'] as const;
export type Engine = (typeof ENGINES)[number];

/** Something that takes part in the rounds of a scenario. */
export interface Part {
  readonly system: NamedSystem;
  readonly label: string;
  readonly differs: readonly string[];
  readonly run: () => Promise<Readonly<Record<string, number>>>;
}
