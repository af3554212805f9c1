import type * as shared from '../benchmark.js';
import type { BenchRedis } from './redis.js';
import type { Row } from './result.js';
import type { System } from './system.js';

export type Bench = shared.Bench<BenchRedis, System>;
export type Scenario = shared.Scenario<BenchRedis, System, Row>;
export type Outcome = shared.Outcome<Row>;
