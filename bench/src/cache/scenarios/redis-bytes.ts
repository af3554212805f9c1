import { forAll } from '../../harness/load-loops.js';
import { reasonOf } from '../../harness/left-out.js';
import { verifyReads } from '../verification.js';
import { CATEGORIES, items, KEYS, payloadBytes, TAG } from '../items.js';
import type { BenchRedis } from '../redis.js';
import type { LeftOut, Row } from '../result.js';
import type { Bench, Outcome, Scenario } from '../scenario.js';
import type { Ask } from '../system.js';
import { nameOfParticipant, openParticipant, participants, row, type Participant } from '../participants.js';

const ASKS: readonly Ask[] = [
  { tiers: 'redis', values: 'as it comes', tags: 'none' },
  { tiers: 'redis', values: 'as it comes', tags: 'carried' },
  { tiers: 'redis', values: 'as it comes', tags: 'needed' },
];

/** What an entry costs in Redis, beyond its value. */
export const redisBytes: Scenario = {
  id: 'redis-bytes',
  kind: 'redis-bytes',
  title: 'Redis memory per entry beyond its payload',
  how: `${KEYS.toLocaleString('en')} entries of ${meanPayload()} bytes as JSON: the sum of MEMORY USAGE of every key in the database, those of tags included, divided by the entries, less the JSON. With tags each entry carries two of ${CATEGORIES + 1}; the second figure is after each tag was invalidated once and all entries were stored again.`,
  run,
};

function meanPayload(): number {
  const all = items(KEYS);
  return Math.round(all.reduce((sum, item) => sum + payloadBytes(item), 0) / KEYS);
}

async function run({ servers: redis, systems }: Bench): Promise<Outcome> {
  const rows: Row[] = [];
  const leftOut: LeftOut[] = [];
  for (const participant of participants(systems, ASKS)) {
    if (participant.setting.aside) continue; // the same bytes as another
    try {
      rows.push(await measured(participant, redis));
    } catch (error) {
      leftOut.push({ name: nameOfParticipant(participant), reason: reasonOf(error) });
    }
  }
  await redis.empty();
  return { rows, leftOut, rounds: 1 };
}

async function measured(participant: Participant, redis: BenchRedis): Promise<Row> {
  await redis.empty();
  const all = items(KEYS);
  const payload = all.reduce((sum, item) => sum + payloadBytes(item), 0);
  const beyond = async () => ((await usage(redis.admin)) - payload) / KEYS;
  const { subject } = await openParticipant(participant, { url: redis.url, namespace: 'bench' });
  try {
    await forAll(all, async (item) => subject.set(item));
    await verifyReads(all, subject.get);
    const bytesPerEntry = [await beyond()];
    if (!subject.invalidate || participant.ask.tags === 'none') return row(participant, { bytesPerEntry });

    for (const tag of [TAG, ...new Set(all.map(({ category }) => category))]) await subject.invalidate(tag);
    await forAll(all, async (item) => subject.set(item));
    return row(participant, { bytesPerEntry, bytesPerEntryOnceInvalidated: [await beyond()] });
  } finally {
    await subject.close();
  }
}

async function usage(admin: BenchRedis['admin']): Promise<number> {
  let bytes = 0;
  for await (const keys of admin.scanIterator({ COUNT: 1_000 })) {
    const sizes = await Promise.all(keys.map(async (key) => admin.memoryUsage(key, { SAMPLES: 0 })));
    for (const size of sizes) bytes += size ?? 0;
  }
  return bytes;
}
