import autocannon from 'autocannon';
import { setTimeout as sleep } from 'node:timers/promises';
import { LeftOutError } from '../../harness/left-out.js';
import { interleaved, type Contender } from '../../harness/rounds.js';
import type { LeftOut } from '../../result.js';
import { leftOut, participants, row, start } from '../scenario.js';
import type { Bench, Outcome, Participant, Running, Scenario } from '../scenario.js';
import type { ServerQuestion, Usage } from '../server.child.js';
import type { Platform } from '../system.js';
import { PATH, type PageKind } from '../work.js';

const CONNECTIONS = 32;
/** Enough for all of a server's code to be compiled. */
const WARM_REQUESTS = 1_500;
/** How often a page is asked for before it has to come from the cache. */
const FIRST_REQUESTS = 4;

const PAGES = {
  '1k': {
    title: '1 KB of JSON',
    how: 'The handler gives a constant object of 1 KB, which is as cheap as a handler gets',
  },
  '50k': { title: '50 KB of JSON', how: 'The handler gives a constant object of 50 KB' },
  query: {
    title: 'One MongoDB query',
    how: 'The handler finds 10 products by an index, sorted, lean, through Mongoose',
  },
} as const;

type Hit = keyof typeof PAGES & PageKind;

export const hitsId = (platform: Platform, kind: Hit): string => `${platform}-${kind}`;

/** What a hit costs, beside the route itself. */
export function hits(platform: Platform, kind: Hit): Scenario {
  const { title, how } = PAGES[kind];
  return {
    id: hitsId(platform, kind),
    kind: 'hits',
    title: `${platform === 'express' ? 'Express' : 'Fastify'}, ${title}`,
    how: `${how}; ${CONNECTIONS} connections that each ask again when they are answered (autocannon), each system in a process of its own.`,
    run: async (bench) => run(platform, kind, bench),
  };
}

interface Slot {
  readonly requestsPerSecond: number;
  readonly cpuMicroseconds: number;
  readonly p99: number;
}

async function run(platform: Platform, kind: Hit, { servers, systems, pace }: Bench): Promise<Outcome> {
  const all = participants(
    systems,
    ({ platforms, kinds }) => platforms.includes(platform) && kinds.includes(kind),
  );
  const open: { participant: Participant; running: Running }[] = [];
  const missing: LeftOut[] = [];
  try {
    for (const participant of all) {
      try {
        const running = await start(participant, servers, { platform, kind });
        open.push({ participant, running });
        await prove(running);
      } catch (error) {
        missing.push(leftOut(participant, error));
      }
    }
    const contenders = open.map(({ participant, running }) => contender(participant, running));
    const slots = await interleaved(contenders, pace);
    const rows = open.flatMap(({ participant }, n) => {
      const wrong = contenders[n]?.wrong;
      if (wrong === undefined) return [row(participant, samplesOf(slots[n] ?? []))];
      missing.push({ ...leftOut(participant, undefined), reason: wrong });
      return [];
    });
    return { rows, leftOut: missing, rounds: pace.rounds };
  } finally {
    await Promise.all(open.map(async ({ running }) => running.child.end()));
  }
}

const samplesOf = (slots: readonly Slot[]) => ({
  requestsPerSecond: slots.map(({ requestsPerSecond }) => requestsPerSecond),
  cpuMicroseconds: slots.map(({ cpuMicroseconds }) => cpuMicroseconds),
  p99: slots.map(({ p99 }) => p99),
});

/** Whatever is fast and wrong is not measured. */
async function prove({ url, expected }: Running): Promise<void> {
  for (let n = 0; n < FIRST_REQUESTS; n += 1) {
    const response = await fetch(url + PATH);
    const text = await response.text();
    if (response.status !== 200 || text !== expected)
      throw new LeftOutError(`answered ${response.status}, or another body`);
    await sleep(20); // until it is stored
  }
}

function contender({ setting }: Participant, { child, url, expected }: Running): Contender<Slot> {
  const usage = async () => child.ask<Usage>({ usage: true } satisfies ServerQuestion);
  return {
    slot: async (ms, isWarmUp) => {
      const before = await usage();
      const lasts = isWarmUp ? { amount: WARM_REQUESTS } : { duration: ms / 1_000 };
      const start = performance.now();
      const result = await autocannon({
        url: url + PATH,
        connections: CONNECTIONS,
        expectBody: expected,
        ...lasts,
      });
      const seconds = (performance.now() - start) / 1_000;
      const after = await usage();
      const answered = result['2xx'];
      const isWrong = result.non2xx + result.errors + result.mismatches > 0;
      if (isWrong) throw new LeftOutError('failed under load');
      if (setting.role === 'cache' && after.runs > before.runs)
        throw new LeftOutError('ran the handler for hits');
      return {
        requestsPerSecond: answered / seconds,
        cpuMicroseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / answered,
        p99: result.latency.p99,
      };
    },
  };
}
