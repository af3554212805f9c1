import { Child } from '../../harness/children.js';
import type { Row } from '../../result.js';
import type { Calls } from '../calls.js';
import { countingProxy } from '../counting-proxy.js';
import type { Bench, Outcome, Scenario } from '../scenario.js';
import type { QueryServers } from '../servers.js';
import type { Ground } from '../system.js';
import type { AttachedAnswer, AttachedQuestion, Work } from './attached.child.js';
import { CONNECTIONS } from './connections.js';

const SCRIPT = new URL('./attached.child.js', import.meta.url);
/** What is compared is near to the same, so there are more rounds than elsewhere. */
const MORE_ROUNDS = 3;
/** Milliseconds before the first of them. */
const WARM_MS = 1_500;
const WRITES = 100;
const HOW =
  'Three connections of one process take turns call by call: two as they come, one with the plugin registered. Both figures are medians of the calls.';

/** What queries that are not marked cost with the plugin there. */
export function unmarked(size: 1 | 10, shape: 'lean' | 'hydrated'): Scenario {
  const title = `${size === 1 ? 'findOne' : 'find of 10'}${shape === 'lean' ? ', lean,' : ''} without .cache()`;
  return {
    id: `unmarked-${shape}-${size}`,
    kind: 'attached',
    title: `${title} where the plugin is registered`,
    how: `${HOW} The second one without it says how far two of the same are apart.`,
    run: async (bench) => run({ read: { size, shape } }, bench),
  };
}

/** What the invalidation adds to a write. */
export const writes: Scenario = {
  id: 'write',
  kind: 'write',
  title: 'updateOne by _id, with the invalidation that follows it',
  how: `${HOW} The cache of the plugin is in memory and Redis. Round trips are counted by a proxy in front of Redis, for ${WRITES} writes one after the other.`,
  run: async (bench) => run('write', bench),
};

async function run(work: Work, { servers, systems, pace }: Bench): Promise<Outcome> {
  if (!systems.some(({ name }) => name === 'flora')) return { rows: [], leftOut: [], rounds: 0 };
  const rounds = pace.rounds * MORE_ROUNDS;
  const answers = await withChild(servers, async (ask) => {
    await ask({ work, ms: WARM_MS }); // not counted
    const answers: AttachedAnswer[] = [];
    for (let round = 0; round < rounds; round++) answers.push(await ask({ work, ms: pace.ms }));
    return answers;
  });
  const roundTrips = work === 'write' ? await roundTripsOfWrites(servers) : undefined;
  const rows = CONNECTIONS.map((name, n): Row => {
    const slots = answers.map(({ slots }) => slots[n] as Calls);
    const isOurs = name === 'registered';
    return {
      system: isOurs ? 'flora' : 'mongoose',
      label: name,
      differs: [],
      aside: false,
      samples: {
        microseconds: slots.map(({ microseconds }) => microseconds),
        cpuMicroseconds: slots.map(({ cpuMicroseconds }) => cpuMicroseconds),
        ...(roundTrips && { roundTrips: isOurs ? roundTrips : [0] }),
      },
    };
  });
  return { rows, leftOut: [], rounds };
}

/** Samples: of each write. */
async function roundTripsOfWrites(servers: QueryServers): Promise<number[]> {
  const proxy = await countingProxy(servers.redisUrl);
  try {
    return await withChild({ ...servers, redisUrl: proxy.url }, async (ask) => {
      const counts: number[] = [];
      await ask({ writeOf: 0 });
      for (let n = 0; n < WRITES; n++) {
        const before = proxy.roundTrips();
        await ask({ writeOf: n });
        counts.push(proxy.roundTrips() - before);
      }
      return counts;
    });
  } finally {
    await proxy.close();
  }
}

async function withChild<Result>(
  { mongoUri, redisUrl }: Pick<QueryServers, 'mongoUri' | 'redisUrl'>,
  work: (ask: (question: AttachedQuestion) => Promise<AttachedAnswer>) => Promise<Result>,
): Promise<Result> {
  const child = new Child(SCRIPT);
  const ask = async (question: AttachedQuestion) => child.ask<AttachedAnswer>(question);
  try {
    const ground: Ground = { mongoUri, redisUrl, namespace: 'attached' };
    await ask({ open: ground });
    return await work(ask);
  } finally {
    await child.end();
  }
}
