import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { LeftOut, Row } from '../../result.js';
import { leftOut, participants, row, start } from '../scenario.js';
import type { Bench, Outcome, Participant, Running, Scenario } from '../scenario.js';
import type { ServerQuestion, Usage } from '../server.child.js';
import type { QueryServers } from '../../mongoose/servers.js';
import { PATH, SLOW_MS } from '../work.js';

const agent = new Agent({ keepAlive: false });
const PROCESSES = 4;
const REQUESTS = 500;
const MOST_ROUNDS = 5;

/** How often the handler runs when many ask for what nobody has. */
export const misses: Scenario = {
  id: 'misses',
  kind: 'misses',
  title: `${REQUESTS} concurrent requests for a page that nobody has, ${PROCESSES} processes`,
  how: `${PROCESSES} Express servers get ${REQUESTS / PROCESSES} requests each for the same new page at once; its handler takes ${SLOW_MS} ms. Runs of the handler are counted in all of them.`,
  run,
};

async function run({ servers, systems, pace }: Bench): Promise<Outcome> {
  const rounds = Math.min(pace.rounds, MOST_ROUNDS);
  const rows: Row[] = [];
  const missing: LeftOut[] = [];
  for (const participant of participants(systems, ({ isShared }) => isShared === true)) {
    try {
      rows.push(await measured(participant, servers, rounds));
    } catch (error) {
      missing.push(leftOut(participant, error));
    }
  }
  return { rows, leftOut: missing, rounds };
}

async function measured(participant: Participant, servers: QueryServers, rounds: number): Promise<Row> {
  const running: Running[] = [];
  try {
    for (let n = 0; n < PROCESSES; n += 1)
      running.push(await start(participant, servers, { platform: 'express', kind: 'slow' }));
    await ask(running, 'warm');
    const runs: number[] = [];
    const answeredMs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = await runsOf(running);
      const begun = performance.now();
      await ask(running, String(round));
      answeredMs.push(performance.now() - begun);
      runs.push((await runsOf(running)) - before);
    }
    return row(participant, { runs, answeredMs });
  } finally {
    await Promise.all(running.map(async ({ child }) => child.end()));
  }
}

async function runsOf(running: readonly Running[]): Promise<number> {
  const usages = running.map(async ({ child }) => child.ask<Usage>({ usage: true } satisfies ServerQuestion));
  return (await Promise.all(usages)).reduce((sum, { runs }) => sum + runs, 0);
}

async function ask(running: readonly Running[], page: string): Promise<void> {
  const requests = Array.from({ length: REQUESTS }, async (_, n) => {
    const { url, expected } = running[n % running.length] as Running;
    if ((await bodyOf(`${url}${PATH}?page=${page}`)) !== expected) throw new Error('gave another body');
  });
  await Promise.all(requests);
}

/** Of a request for one host, whichever of its processes gets it. */
async function bodyOf(url: string): Promise<string> {
  const request = get(url, { agent, headers: { host: 'shop.test' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return text(response);
}
