import { parseArgs } from 'node:util';
import type { Pace } from './harness/rounds.js';
import type { Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/all.js';
import type { System } from './system.js';
import { SYSTEMS } from './systems/all.js';

export const FULL_PACE: Pace = { rounds: 9, ms: 300 };

export interface Options {
  readonly pace: Pace;
  readonly scenarios: readonly Scenario[];
  readonly systems: readonly System[];
  /** Nothing was left out or shortened. */
  readonly complete: boolean;
  /** Measure nothing; write the docs from the newest complete results. */
  readonly render: boolean;
}

const USAGE = `npm run bench:cache -- [options]
  --rounds <n>         counted rounds of each scenario (${FULL_PACE.rounds})
  --ms <n>             milliseconds of a slot in a round (${FULL_PACE.ms})
  --only <ids>         of ${SCENARIOS.map(({ id }) => id).join(', ')}
  --systems <names>    of ${SYSTEMS.map(({ name }) => name).join(', ')}
  --render             no run: write report and docs anew from the newest complete results
  --no-build           run what was built before`;

/** Arguments that nobody knows: the message is the usage. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string', default: String(FULL_PACE.rounds) },
        ms: { type: 'string', default: String(FULL_PACE.ms) },
        only: { type: 'string' },
        systems: { type: 'string' },
        render: { type: 'boolean', default: false },
      },
    });
    const pace = { rounds: whole('rounds', values.rounds), ms: whole('ms', values.ms) };
    const scenarios = chosen('scenario', values.only, SCENARIOS, ({ id }) => id);
    const systems = chosen('system', values.systems, SYSTEMS, ({ name }) => name);
    const all = scenarios.length === SCENARIOS.length && systems.length === SYSTEMS.length;
    const complete = all && pace.rounds >= FULL_PACE.rounds && pace.ms >= FULL_PACE.ms;
    return { pace, scenarios, systems, complete, render: values.render };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`, { cause: error });
  }
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
