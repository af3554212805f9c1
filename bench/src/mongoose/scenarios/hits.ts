import { Child } from '../../harness/children.js';
import { reasonOf } from '../../harness/left-out.js';
import { interleaved, type Contender } from '../../harness/rounds.js';
import { nameOf, type LeftOut } from '../../result.js';
import type { Calls } from '../calls.js';
import { PAGES, type Page, type Shape, type Size } from '../pages.js';
import { row, type Bench, type Outcome, type Participant, type Scenario } from '../scenario.js';
import type { QueryServers } from '../servers.js';
import type { HitsQuestion, OpenAnswer, SlotAnswer } from './hits.child.js';

type Asked = Pick<Page, 'size' | 'shape'>;

/** Enough for all of a system's code to be compiled. */
const WARM_CPU_MS = 2_500;
const OPENED_AT_ONCE = 4;
const SCRIPT = new URL('./hits.child.js', import.meta.url);
const TITLES: Record<Shape, string> = { lean: 'lean', hydrated: 'as documents of Mongoose' };

export const hitsId = (shape: Shape, size: Size): string => `${shape}-${size}`;

/** What a hit costs, beside the query itself and beside what stands below it. */
export function hits(shape: Shape, size: Size): Scenario {
  return {
    id: hitsId(shape, size),
    kind: 'hits',
    title: `Hit of ${size} ${size === 1 ? 'product' : 'products'}, ${TITLES[shape]}`,
    how: `${size === 1 ? 'findOne by an indexed field' : `find with sort and limit ${size}`}${shape === 'lean' ? ', lean' : ''}; ${PAGES} different queries in turn, one call after the other, each system in a process of its own.`,
    run: async (bench) => run({ shape, size }, bench),
  };
}

interface Open extends Participant {
  readonly child: Child;
  readonly flaws: readonly string[];
}

interface Measured extends Calls {
  /** Queries that the server answered meanwhile. */
  readonly reads: number;
}

async function run(asked: Asked, { servers, systems, pace }: Bench): Promise<Outcome> {
  const all = systems.flatMap((system) =>
    system.settings
      .filter(({ shapes }) => shapes.includes(asked.shape))
      .map((setting) => ({ system, setting })),
  );
  const open: Open[] = [];
  const leftOut: LeftOut[] = [];
  try {
    const attempts: (Open | LeftOut)[] = [];
    for (let n = 0; n < all.length; n += OPENED_AT_ONCE) {
      const few = all.slice(n, n + OPENED_AT_ONCE);
      attempts.push(...(await Promise.all(few.map(async (one) => attempt(one, asked, servers)))));
    }
    for (const one of attempts) {
      if ('child' in one) open.push(one);
      else leftOut.push(one);
    }
    const contenders = open.map(({ child }) => contender(child, servers));
    const slots = await interleaved(contenders, pace);
    const rows = open.flatMap((participant, n) => {
      const reason = contenders[n]?.wrong;
      if (reason === undefined)
        return [
          rowOf(
            participant,
            (slots[n] ?? []).filter((slot) => slot !== undefined),
          ),
        ];
      leftOut.push({ name: nameOfParticipant(participant), reason });
      return [];
    });
    return { rows, leftOut, rounds: pace.rounds };
  } finally {
    await Promise.all(open.map(async ({ child }) => child.end()));
  }
}

const nameOfParticipant = ({ system, setting }: Participant): string =>
  nameOf({ system: system.name, label: setting.label });

/** Open, or the reason why not. */
async function attempt(
  participant: Participant,
  asked: Asked,
  servers: QueryServers,
): Promise<Open | LeftOut> {
  try {
    return await opened(participant, asked, servers);
  } catch (error) {
    return { name: nameOfParticipant(participant), reason: reasonOf(error) };
  }
}

async function opened(
  participant: Participant,
  page: Asked,
  { mongoUri, redisUrl }: QueryServers,
): Promise<Open> {
  const { system, setting } = participant;
  const namespace = `${system.name}-${setting.label}`.replaceAll(/[^a-z0-9]+/gi, '-');
  const ground = { mongoUri, redisUrl, namespace };
  const child = new Child(SCRIPT);
  try {
    const question: HitsQuestion = { open: { system: system.name, label: setting.label, ground, page } };
    const { flaws } = await child.ask<OpenAnswer>(question);
    return { ...participant, child, flaws };
  } catch (error) {
    await child.end();
    throw error;
  }
}

function contender(child: Child, servers: QueryServers): Contender<Measured | undefined> {
  return {
    slot: async (ms, isWarmUp) => {
      if (isWarmUp) {
        await child.ask<object>({ warmUpMs: WARM_CPU_MS } satisfies HitsQuestion);
        return undefined;
      }
      const before = await servers.reads();
      const slot = await child.ask<SlotAnswer>({ ms } satisfies HitsQuestion);
      return { ...slot, reads: (await servers.reads()) - before };
    },
  };
}

function rowOf(participant: Open, slots: readonly Measured[]) {
  const total = (of: 'operations' | 'reads') => slots.reduce((sum, slot) => sum + slot[of], 0);
  const asksEachTime = participant.setting.role === 'cache' && total('reads') > total('operations') / 2;
  const samples = {
    microseconds: slots.map(({ microseconds }) => microseconds),
    cpuMicroseconds: slots.map(({ cpuMicroseconds }) => cpuMicroseconds),
    // One read after each slot looks whether the answers are still whole.
    readsPerCall: slots.map(({ operations, reads }) => reads / (operations + 1)),
  };
  return row(participant, samples, [...(asksEachTime ? [NEVER_CACHED] : []), ...participant.flaws]);
}

export const NEVER_CACHED = 'asks the database each time';
