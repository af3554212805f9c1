import { Child } from '../../harness/children.js';
import { reasonOf } from '../../harness/left-out.js';
import { nameOf, type LeftOut, type Row } from '../../result.js';
import type { Page } from '../pages.js';
import { SHELVES } from '../products.js';
import { row, type Bench, type Outcome, type Participant, type Scenario } from '../scenario.js';
import type { QueryServers } from '../servers.js';
import type { ColdAnswer, ColdQuestion } from './cold.child.js';

const PROCESSES = 4;
const CALLERS = 250;
/** How long MongoDB takes for each find. */
const FIND_MS = 200;
const MOST_ROUNDS = 3;
const SCRIPT = new URL('./cold.child.js', import.meta.url);

/** How many reads reach MongoDB when many ask for what nobody has. */
export const cold: Scenario = {
  id: 'cold',
  kind: 'cold',
  title: `${(PROCESSES * CALLERS).toLocaleString('en')} concurrent cold reads of one query in ${PROCESSES} processes`,
  how: `${PROCESSES} processes with ${CALLERS} callers each make the same lean query for 10 products at once, which no cache has; a fail point of the server makes each find take ${FIND_MS} ms. What reaches MongoDB is counted by the server. All answers are looked at.`,
  run,
};

const page = (n: number): Page => ({ size: 10, shape: 'lean', n });

async function run({ servers, systems, pace }: Bench): Promise<Outcome> {
  const rounds = Math.min(pace.rounds, MOST_ROUNDS);
  const rows: Row[] = [];
  const leftOut: LeftOut[] = [];
  const all = systems.flatMap((system) =>
    system.settings.filter(({ isShared }) => isShared).map((setting) => ({ system, setting })),
  );
  for (const participant of all) {
    try {
      await servers.empty();
      rows.push(await measured(participant, servers, rounds));
    } catch (error) {
      const { system, setting } = participant;
      leftOut.push({ name: nameOf({ system: system.name, label: setting.label }), reason: reasonOf(error) });
    }
  }
  return { rows, leftOut, rounds };
}

async function measured(participant: Participant, servers: QueryServers, rounds: number): Promise<Row> {
  const { system, setting } = participant;
  const children = Array.from({ length: PROCESSES }, () => new Child(SCRIPT));
  const askAll = async <Answer>(question: ColdQuestion) =>
    Promise.all(children.map(async (child) => child.ask<Answer>(question)));
  try {
    const { mongoUri, redisUrl } = servers;
    const ground = { mongoUri, redisUrl, namespace: 'cold' };
    await askAll({ open: { system: system.name, label: setting.label, ground, warm: page(SHELVES - 1) } });
    const reads: number[] = [];
    const answeredMs: number[] = [];
    await servers.slowly(FIND_MS, async () => {
      for (let round = 0; round < rounds; round++) {
        const before = await servers.reads();
        const answers = await askAll<ColdAnswer>({ page: page(round), callers: CALLERS });
        reads.push((await servers.reads()) - before);
        answeredMs.push(Math.max(...answers.map(({ ms }) => ms)));
      }
    });
    return row(participant, { reads, answeredMs });
  } finally {
    await Promise.all(children.map(async (child) => child.end()));
  }
}
