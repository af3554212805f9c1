import { runBenchmark } from '../run-benchmark.js';
import { COLUMNS } from './columns.js';
import { create } from './scenarios/create.js';
import { memory } from './scenarios/memory.js';
import { restore } from './scenarios/restore.js';
import { verify } from './scenarios/verify.js';
import { startServers } from './servers.js';
import { FLORA, type Scenario, TOOLS } from './system.js';
import { judge } from './targets.js';

const DEFAULT_MEGABYTES = 1_000;

const { megabytes, rest } = readSize(process.argv.slice(2));

await runBenchmark(
  {
    name: 'backup',
    title: 'Backup benchmark',
    depth: 4,
    fullPace: { rounds: 5, ms: 1 },
    scenarios: [create, memory, verify, restore].map(sized),
    systems: [TOOLS, FLORA],
    columns: COLUMNS,
    start: async () => startServers(megabytes),
    judge,
  },
  rest,
);

/** `--mb 300`: so many megabytes of documents, in the place of 1,000. */
function readSize(args: readonly string[]): { megabytes: number; rest: string[] } {
  const at = args.indexOf('--mb');
  if (at === -1) return { megabytes: DEFAULT_MEGABYTES, rest: [...args] };
  const given = Number(args[at + 1]);
  if (!Number.isInteger(given) || given < 10) throw new Error('--mb takes a whole number of at least 10');
  return { megabytes: given, rest: args.filter((_, n) => n !== at && n !== at + 1) };
}

function sized(scenario: Scenario): Scenario {
  return { ...scenario, how: `${megabytes.toLocaleString('en')} MB of documents. ${scenario.how}` };
}
