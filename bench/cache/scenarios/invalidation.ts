import { forAll } from '../harness/load-loops.js';
import { collectGarbage, interleaved } from '../harness/rounds.js';
import { verifyReads } from '../harness/verification.js';
import { item, items, TAG } from '../items.js';
import type { Bench, Outcome, Scenario } from '../scenario.js';
import type { Ask } from '../system.js';
import { nameOfParticipant, openAll, participants, row, type OpenParticipant } from './participants.js';

const ASK: Ask = { tiers: 'redis', values: 'as it comes', tags: 'needed' };
const READS = 1_000;
/** Filling takes long, and medians of five move little. */
const LARGE = 50_000;

interface Slot {
  invalidateMs: number;
  readsMs: number;
}

/** One tag that all of `count` entries carry, and the reads that come right after it. */
export function invalidation(id: string, count: number): Scenario {
  const shown = count.toLocaleString('en');
  return {
    id,
    kind: 'invalidation',
    title: `Invalidate a tag on ${shown} keys`,
    how: `${shown} entries in Redis, each with two tags, one of them on all. One call invalidates that tag; then ${READS.toLocaleString('en')} of the keys are read, 64 in flight. Every read is checked to be a miss. Filled anew for each round.`,
    run: async (bench) => run(count, bench),
  };
}

async function run(count: number, { redis, systems, pace }: Bench): Promise<Outcome> {
  const rounds = count >= LARGE ? Math.ceil(pace.rounds / 2) : pace.rounds;
  const { open, leftOut } = await openAll(participants(systems, [ASK]), redis.url, prepare);
  try {
    const contenders = open.map((participant) => contender(participant, count));
    const slots = await interleaved(contenders, { ...pace, rounds });
    const rows = open.flatMap((participant, n) => {
      const { wrong, refills } = contenders[n] ?? {};
      if (wrong) {
        leftOut.push({ name: nameOfParticipant(participant), reason: wrong });
        return [];
      }
      const measured = slots[n] ?? [];
      const samples = {
        invalidateMs: measured.map(({ invalidateMs }) => invalidateMs),
        readsMs: measured.map(({ readsMs }) => readsMs),
      };
      return [row(participant, samples, refills ? ['a read runs the factory and stores'] : [])];
    });
    return { rows, leftOut, rounds };
  } finally {
    for (const { subject } of open) await subject.close();
  }
}

async function prepare({ subject }: OpenParticipant): Promise<void> {
  const some = items(10);
  await forAll(some, async (item) => subject.set(item));
  await verifyReads(some, subject.get);
}

function contender({ subject, loads }: OpenParticipant, count: number) {
  const numbers = Array.from({ length: count }, (_, n) => n);
  const read = items(count, 'product').filter((_, n) => n % (count / READS) === 0);
  const state = {
    wrong: undefined as string | undefined,
    refills: false,
    async slot(): Promise<Slot> {
      await forAll(numbers, async (n) => subject.set(item(n)));
      await verifyReads(read.slice(0, 10), subject.get);
      await collectGarbage();
      loads.count = 0;
      let served = 0;

      const start = performance.now();
      await subject.invalidate?.(TAG);
      const invalidated = performance.now();
      await forAll(read, async (item) => {
        if ((await subject.get(item)) !== undefined) served++;
      });
      const end = performance.now();

      state.refills = loads.count > 0;
      const misses = state.refills ? loads.count : READS - served;
      if (misses !== READS) state.wrong = `served ${READS - misses} entries that were invalidated`;
      return { invalidateMs: invalidated - start, readsMs: end - invalidated };
    },
  };
  return state;
}
