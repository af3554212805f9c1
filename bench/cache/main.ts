import { loadavg } from 'node:os';
import { machine } from './machine.js';
import { type Options, readOptions } from './options.js';
import { startRedis, type BenchRedis } from './redis.js';
import { scenarioReport, targetsReport } from './report/markdown.js';
import { writeDocs } from './report/docs.js';
import { newestComplete, writeResults } from './report/results.js';
import type { RunResult, ScenarioResult } from './result.js';
import { judge } from './targets.js';

const options = readOptions(process.argv.slice(2));
if (options.render) {
  await writeDocs(await newestComplete());
} else {
  const redis = await startRedis();
  try {
    await report(await run(options, redis));
  } finally {
    await redis.stop();
  }
}

async function run({ scenarios, systems, pace, complete }: Options, redis: BenchRedis): Promise<RunResult> {
  const results: ScenarioResult[] = [];
  for (const { id, kind, title, how, run } of scenarios) {
    const before = loadOfLastMinute();
    await redis.empty();
    const outcome = await run({ redis, systems, pace });
    const result = { id, kind, title, how, ...outcome, load: [before, loadOfLastMinute()] } as const;
    results.push(result);
    console.log(`${scenarioReport(result)}\n`);
  }
  return { machine: machine(systems, redis.version), complete, pace, scenarios: results };
}

async function report(result: RunResult): Promise<void> {
  console.log(targetsReport(judge(result.scenarios)));
  for (const file of await writeResults(result)) console.log(`written: ${file}`);
  if (result.complete) for (const file of await writeDocs(result)) console.log(`written: ${file}`);
  else console.log('docs left as they are: this was not a complete run');
}

function loadOfLastMinute(): number {
  return Number((loadavg()[0] as number).toFixed(2));
}
