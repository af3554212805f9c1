import { Child } from '../../harness/children.js';
import { reasonOf } from '../../harness/left-out.js';
import type { LeftOut, Row } from '../result.js';
import type { Bench, Outcome, Scenario } from '../scenario.js';
import type { Ask } from '../system.js';
import { nameOfParticipant, participants, row, type Participant } from '../participants.js';
import type { StampedeAnswer, StampedeQuestion } from './stampede.child.js';

const PROCESSES = 4;
const CALLERS = 250;
/** How long the factory takes. */
const FACTORY_MS = 200;
const ASK: Ask = { tiers: 'both', values: 'as it comes', tags: 'none' };
/** For those that have one tier only; processes that share nothing can't run a factory once. */
const ELSE: Ask = { ...ASK, tiers: 'redis' };

/** How often the factory runs when many ask for what nobody has. */
export const stampede: Scenario = {
  id: 'stampede',
  kind: 'stampede',
  title: `${(PROCESSES * CALLERS).toLocaleString('en')} concurrent misses of one key in ${PROCESSES} processes`,
  how: `${PROCESSES} processes with ${CALLERS} callers each ask for the same missing key at once; the factory takes ${FACTORY_MS} ms. All callers' values are checked.`,
  run,
};

async function run({ servers: redis, systems, pace }: Bench): Promise<Outcome> {
  const rows: Row[] = [];
  const leftOut: LeftOut[] = [];
  const caches = systems.filter(({ name }) => name !== 'raw');
  for (const system of caches) {
    const participant = participants([system], [ASK, ELSE])[0];
    if (!participant) continue;
    try {
      await redis.empty();
      const answers = await stampedes(participant, redis.url, pace.rounds);
      rows.push(
        row(participant, {
          factoryRuns: answers.map((all) => all.reduce((sum, { runs }) => sum + runs, 0)),
          answeredMs: answers.map((all) => Math.max(...all.map(({ ms }) => ms))),
        }),
      );
    } catch (error) {
      leftOut.push({ name: nameOfParticipant(participant), reason: reasonOf(error) });
    }
  }
  return { rows, leftOut, rounds: pace.rounds };
}

async function stampedes(participant: Participant, url: string, rounds: number): Promise<StampedeAnswer[][]> {
  const script = new URL('./stampede.child.js', import.meta.url);
  const children = Array.from({ length: PROCESSES }, () => new Child(script));
  const { ask } = participant;
  const name = nameOfParticipant(participant);
  try {
    await Promise.all(
      children.map(async (child) =>
        child.ask({ open: { name, ask, url, factoryMs: FACTORY_MS } } satisfies StampedeQuestion),
      ),
    );
    const answers: StampedeAnswer[][] = [];
    for (let round = 0; round < rounds; round++) {
      const question: StampedeQuestion = { round, callers: CALLERS };
      answers.push(await Promise.all(children.map(async (child) => child.ask<StampedeAnswer>(question))));
    }
    return answers;
  } finally {
    await Promise.all(children.map(async (child) => child.end()));
  }
}
