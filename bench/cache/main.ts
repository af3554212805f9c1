import { loadavg } from 'node:os';
import { machine } from './machine.js';
import { type Options, readOptions, UsageError } from './options.js';
import { startRedis, type BenchRedis } from './redis.js';
import { scenarioReport, targetsReport } from './report/markdown.js';
import { writeDocs } from './report/docs.js';
import { newestComplete, writeResults } from './report/results.js';
import type { RunResult, ScenarioResult } from './result.js';
import { judge } from './targets.js';

try {
  const options = readOptions(process.argv.slice(2));
  await (options.render ? render() : measure(options));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function render(): Promise<void> {
  const result = await newestComplete();
  for (const file of [...(await writeResults(result)), ...(await writeDocs(result))]) {
    console.log(`written: ${file}`);
  }
}

async function measure(options: Options): Promise<void> {
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
