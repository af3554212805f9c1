import type { Pace } from './harness/rounds.js';
import type { BenchRedis } from './redis.js';
import type { Kind, LeftOut, Row } from './result.js';
import type { System } from './system.js';

/** What a scenario runs on. */
export interface Bench {
  readonly redis: BenchRedis;
  readonly systems: readonly System[];
  readonly pace: Pace;
}

export interface Scenario {
  readonly id: string;
  readonly kind: Kind;
  readonly title: string;
  readonly how: string;
  readonly run: (bench: Bench) => Promise<Outcome>;
}

export interface Outcome {
  readonly rows: readonly Row[];
  readonly leftOut: readonly LeftOut[];
  /** Counted ones. */
  readonly rounds: number;
}
