import { forAll } from '../../harness/load-loops.js';
import { collectGarbage, interleaved, type Contender } from '../../harness/rounds.js';
import { LeftOutError } from '../../harness/left-out.js';
import { verifyReads } from '../verification.js';
import { item, TAG, type Item } from '../items.js';
import type { BenchRedis } from '../redis.js';
import type { LeftOut } from '../result.js';
import type { Bench, Outcome, Scenario } from '../scenario.js';
import type { Ask, Subject } from '../system.js';
import { openParticipant, participants, row, withoutWrong, type Participant } from '../participants.js';

const ASK: Ask = { tiers: 'redis', values: 'as it comes', tags: 'needed' };
const READS = 1_000;
/** Filling takes long, and medians of five move little. */
const LARGE = 50_000;

interface Slot {
  invalidateMs: number;
  readsMs: number;
  /** The reads loaded and stored anew. */
  refilled: boolean;
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

async function run(count: number, { servers: redis, systems, pace }: Bench): Promise<Outcome> {
  const rounds = count >= LARGE ? Math.ceil(pace.rounds / 2) : pace.rounds;
  const all = participants(systems, [ASK]);
  const contenders = all.map((participant) => contender(participant, count, redis));
  const slots = await interleaved(contenders, { ...pace, rounds });
  const leftOut: LeftOut[] = [];
  const results = all.map((participant, n) => {
    const measured = slots[n] ?? [];
    const samples = {
      invalidateMs: measured.map(({ invalidateMs }) => invalidateMs),
      readsMs: measured.map(({ readsMs }) => readsMs),
    };
    const refills = measured.some(({ refilled }) => refilled);
    return row(participant, samples, refills ? ['a read runs the factory and stores'] : []);
  });
  return { rows: withoutWrong(results, contenders, leftOut), leftOut, rounds };
}

/** Open for its slot alone: some keep the process so busy with a large tag that others lose their connection. */
function contender(participant: Participant, count: number, redis: BenchRedis): Contender<Slot> {
  return {
    slot: async (_, isWarmUp) => {
      const numbers = Array.from({ length: isWarmUp ? READS : count }, (_, n) => n);
      const read = numbers.filter((n) => n % (numbers.length / READS) === 0).map((n) => item(n));
      await redis.empty();
      const { subject, loads } = await openParticipant(participant, { url: redis.url, namespace: 'bench' });
      try {
        await forAll(numbers, async (n) => subject.set(item(n)));
        await verifyReads(read.slice(0, 10), subject.get);
        await collectGarbage();
        loads.count = 0;
        return await invalidateAndRead(subject, read, loads);
      } finally {
        await subject.close();
      }
    },
  };
}

async function invalidateAndRead(
  subject: Subject,
  read: readonly Item[],
  loads: { readonly count: number },
): Promise<Slot> {
  let served = 0;
  const start = performance.now();
  await subject.invalidate?.(TAG);
  const invalidated = performance.now();
  await forAll(read, async (item) => {
    if ((await subject.get(item)) !== undefined) served++;
  });
  const end = performance.now();

  const refilled = loads.count > 0;
  const misses = refilled ? loads.count : read.length - served;
  if (misses !== read.length) {
    throw new LeftOutError(`served ${read.length - misses} entries that were invalidated`);
  }
  return { invalidateMs: invalidated - start, readsMs: end - invalidated, refilled };
}
