import { startServers } from '../mongoose/servers.js';
import { runBenchmark } from '../run-benchmark.js';
import { COLUMNS } from './columns.js';
import { SCENARIOS } from './scenarios/all.js';
import { SYSTEMS } from './systems/all.js';
import { judge } from './targets.js';

await runBenchmark(
  {
    name: 'http',
    title: 'HTTP cache benchmark',
    depth: 4,
    fullPace: { rounds: 10, ms: 100 },
    scenarios: SCENARIOS,
    systems: SYSTEMS,
    columns: COLUMNS,
    start: startServers,
    judge,
  },
  process.argv.slice(2),
);
