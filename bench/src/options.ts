import { parseArgs } from 'node:util';
import type { Benchmark, BenchServers, NamedSystem, Scenario } from './benchmark.js';
import type { Pace } from './harness/rounds.js';
import type { Row } from './result.js';

export interface Options<Servers extends BenchServers, System extends NamedSystem, R extends Row> {
  readonly pace: Pace;
  readonly scenarios: readonly Scenario<Servers, System, R>[];
  readonly systems: readonly System[];
  /** Nothing was left out or shortened. */
  readonly complete: boolean;
  /** Measure nothing; write the docs from the newest complete results. */
  readonly render: boolean;
}

/** Arguments that nobody knows: the message is the usage. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readOptions<Servers extends BenchServers, System extends NamedSystem, R extends Row>(
  benchmark: Benchmark<Servers, System, R>,
  args: readonly string[],
): Options<Servers, System, R> {
  const { fullPace } = benchmark;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string', default: String(fullPace.rounds) },
        ms: { type: 'string', default: String(fullPace.ms) },
        only: { type: 'string' },
        systems: { type: 'string' },
        render: { type: 'boolean', default: false },
      },
    });
    const pace = { rounds: whole('rounds', values.rounds), ms: whole('ms', values.ms) };
    const scenarios = chosen('scenario', values.only, benchmark.scenarios, ({ id }) => id);
    const systems = chosen('system', values.systems, benchmark.systems, ({ name }) => name);
    const all =
      scenarios.length === benchmark.scenarios.length && systems.length === benchmark.systems.length;
    const complete = all && pace.rounds >= fullPace.rounds && pace.ms >= fullPace.ms;
    return { pace, scenarios, systems, complete, render: values.render };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage(benchmark)}`, { cause: error });
  }
}

function usage<Servers extends BenchServers, System extends NamedSystem, R extends Row>({
  name,
  fullPace,
  scenarios,
  systems,
}: Benchmark<Servers, System, R>): string {
  return `npm run bench:${name} -- [options]
  --rounds <n>         counted rounds of each scenario (${fullPace.rounds})
  --ms <n>             milliseconds of a slot in a round (${fullPace.ms})
  --only <ids>         of ${scenarios.map(({ id }) => id).join(', ')}
  --systems <names>    of ${systems.map(({ name }) => name).join(', ')}
  --render             no run: write report and docs anew from the newest complete results
  --no-build           run what was built before`;
}

function whole(name: string, value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${name} is ${value}, expected a whole number above 0`);
}

/** In the order of the list, whatever the order they were named in. */
function chosen<T>(
  kind: string,
  names: string | undefined,
  all: readonly T[],
  nameOf: (one: T) => string,
): readonly T[] {
  if (names === undefined) return all;
  const wanted = names.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !all.some((one) => nameOf(one) === name));
  if (unknown !== undefined) throw new Error(`there is no ${kind} ${unknown}`);
  return all.filter((one) => wanted.includes(nameOf(one)));
}
