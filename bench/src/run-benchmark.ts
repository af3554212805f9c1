import { loadavg } from 'node:os';
import type { Benchmark, BenchServers, NamedSystem } from './benchmark.js';
import { machine } from './machine.js';
import { type Options, readOptions, UsageError } from './options.js';
import { writeDocs } from './report/docs.js';
import { scenarioReport, targetsReport } from './report/markdown.js';
import { newestComplete, writeResults } from './report/results.js';
import type { Row, RunResult, ScenarioResult } from './result.js';

/** Measures, prints, and writes results; a complete run is put into the docs. */
export async function runBenchmark<Servers extends BenchServers, System extends NamedSystem, R extends Row>(
  benchmark: Benchmark<Servers, System, R>,
  args: readonly string[],
): Promise<void> {
  try {
    const options = readOptions(benchmark, args);
    await (options.render ? render(benchmark) : measure(benchmark, options));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

async function render<Servers extends BenchServers, System extends NamedSystem, R extends Row>(
  benchmark: Benchmark<Servers, System, R>,
): Promise<void> {
  const result = await newestComplete(benchmark);
  for (const file of [...(await writeResults(benchmark, result)), ...(await writeDocs(benchmark, result))]) {
    console.log(`written: ${file}`);
  }
}

async function measure<Servers extends BenchServers, System extends NamedSystem, R extends Row>(
  benchmark: Benchmark<Servers, System, R>,
  options: Options<Servers, System, R>,
): Promise<void> {
  const servers = await benchmark.start();
  try {
    await report(benchmark, await run(benchmark, options, servers));
  } finally {
    await servers.stop();
  }
}

async function run<Servers extends BenchServers, System extends NamedSystem, R extends Row>(
  benchmark: Benchmark<Servers, System, R>,
  { scenarios, systems, pace, complete }: Options<Servers, System, R>,
  servers: Servers,
): Promise<RunResult<R>> {
  const results: ScenarioResult<R>[] = [];
  for (const { id, kind, title, how, run } of scenarios) {
    const before = loadOfLastMinute();
    await servers.empty();
    const outcome = await run({ servers, systems, pace });
    const result = { id, kind, title, how, ...outcome, load: [before, loadOfLastMinute()] } as const;
    results.push(result);
    console.log(`${scenarioReport(benchmark, result)}\n`);
  }
  return { machine: machine(systems, servers.versions), complete, pace, scenarios: results };
}

async function report<Servers extends BenchServers, System extends NamedSystem, R extends Row>(
  benchmark: Benchmark<Servers, System, R>,
  result: RunResult<R>,
): Promise<void> {
  console.log(targetsReport(benchmark.judge(result.scenarios)));
  for (const file of await writeResults(benchmark, result)) console.log(`written: ${file}`);
  if (result.complete) for (const file of await writeDocs(benchmark, result)) console.log(`written: ${file}`);
  else console.log('docs left as they are: this was not a complete run');
}

function loadOfLastMinute(): number {
  return Number((loadavg()[0] as number).toFixed(2));
}
