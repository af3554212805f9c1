import { inFlight, sequentially, type Operation, type Slot } from '../../harness/load-loops.js';
import { interleaved, type Contender } from '../../harness/rounds.js';
import { LeftOutError } from '../../harness/left-out.js';
import { verifyOwnership, verifyReads } from '../verification.js';
import { forAll } from '../../harness/load-loops.js';
import { items, KEYS, type Item } from '../items.js';
import type { BenchRedis } from '../redis.js';
import type { Bench, Outcome, Scenario } from '../scenario.js';
import type { Ask } from '../system.js';
import { openAll, participants, row, withoutWrong, type OpenParticipant } from '../participants.js';

export interface ThroughputPlan {
  readonly id: string;
  readonly title: string;
  readonly how: string;
  readonly asks: readonly Ask[];
  readonly operation: 'get' | 'getOrSet' | 'set' | 'miss';
  readonly flow: 'sequentially' | 'in flight';
}

const FLOWS = { sequentially, 'in flight': inFlight };
const MISSED = 'missed';

/** Operations per second, and what each costs this process. */
export function throughput(plan: ThroughputPlan): Scenario {
  const { id, title, how } = plan;
  return { id, kind: 'throughput', title, how, run: async (bench) => run(plan, bench) };
}

async function run(plan: ThroughputPlan, { servers: redis, systems, pace }: Bench): Promise<Outcome> {
  const all = items(KEYS);
  const { open, leftOut } = await openAll(participants(systems, plan.asks), redis.url, async (open) =>
    prepare(plan, open, all),
  );
  try {
    const contenders = open.map((participant) => contender(plan, participant, all, redis));
    const slots = await interleaved(contenders, pace);
    const results = open.map((participant, n) => row(participant, figures(slots[n] ?? [])));
    const rows = withoutWrong(results, contenders, leftOut);
    return { rows, leftOut, rounds: pace.rounds };
  } finally {
    for (const { subject } of open) await subject.close();
  }
}

/** Stores all and proves that what is read is what was stored, as the scenario reads. */
async function prepare(
  { operation }: ThroughputPlan,
  { subject, ask, loads }: OpenParticipant,
  all: readonly Item[],
): Promise<void> {
  if (operation === 'miss') {
    await verifyReads(items(IN_ALL_TIERS, 'prepared'), subject.getOrSet);
    if (loads.count !== IN_ALL_TIERS)
      throw new LeftOutError(`loaded ${loads.count} of ${IN_ALL_TIERS} misses`);
    return;
  }
  await forAll(all, async (item) => subject.set(item));
  const read = operation === 'getOrSet' ? subject.getOrSet : subject.get;
  await verifyReads(all, read);
  await verifyReads(all, read);
  if (operation === 'getOrSet' && ask.values !== 'as it comes') {
    await verifyOwnership(all[0] as Item, ask.values, read);
  }
}

const IN_ALL_TIERS = 100;

function contender(
  { operation, flow }: ThroughputPlan,
  { subject, loads }: OpenParticipant,
  all: readonly Item[],
  { admin }: BenchRedis,
): Contender<Slot> {
  const at = (n: number): Item => all[n % KEYS] as Item;
  const operations: Record<ThroughputPlan['operation'], Operation> = {
    get: (n) => subject.get(at(n)),
    getOrSet: (n) => subject.getOrSet(at(n)),
    set: (n) => subject.set(at(n)),
    miss: (n) => subject.getOrSet({ ...at(n), key: `${MISSED}:${n}` }),
  };
  let next = 0;
  return {
    slot: async (ms: number): Promise<Slot> => {
      const before = loads.count;
      const slot = await FLOWS[flow](operations[operation], next, ms);
      next += slot.operations;
      const expected = operation === 'miss' ? slot.operations : 0;
      const loaded = loads.count - before;
      if (loaded !== expected) {
        throw new LeftOutError(`ran its factory ${loaded} times, not ${expected}`);
      }
      if (operation === 'miss') await unlinkMatching(admin, `*${MISSED}:*`);
      return slot;
    },
  };
}

/** What a slot of misses left behind, so that the next one finds Redis as it was. */
async function unlinkMatching(admin: BenchRedis['admin'], pattern: string): Promise<void> {
  for await (const keys of admin.scanIterator({ MATCH: pattern, COUNT: 1_000 })) {
    if (keys.length > 0) await admin.unlink(keys);
  }
}

function figures(slots: readonly Slot[]) {
  return {
    opsPerSecond: slots.map(({ operations, seconds }) => operations / seconds),
    cpuMicrosecondsPerOp: slots.map(({ operations, cpuMicroseconds }) => cpuMicroseconds / operations),
  };
}
