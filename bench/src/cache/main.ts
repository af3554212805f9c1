import { runBenchmark } from '../run-benchmark.js';
import { chart } from './chart.js';
import { COLUMNS } from './columns.js';
import { startRedis } from './redis.js';
import { SCENARIOS } from './scenarios/all.js';
import { SYSTEMS } from './systems/all.js';
import { judge } from './targets.js';

await runBenchmark(
  {
    name: 'cache',
    title: 'Cache benchmark',
    depth: 3,
    fullPace: { rounds: 9, ms: 300 },
    scenarios: SCENARIOS,
    systems: SYSTEMS,
    columns: COLUMNS,
    start: startRedis,
    judge,
    chart,
  },
  process.argv.slice(2),
);
