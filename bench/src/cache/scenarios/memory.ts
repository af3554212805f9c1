import { Child } from '../../harness/children.js';
import { reasonOf } from '../../harness/left-out.js';
import type { LeftOut, Row } from '../result.js';
import type { Bench, Outcome, Scenario } from '../scenario.js';
import type { Ask } from '../system.js';
import type { MemoryAnswer, MemoryQuestion } from './memory.child.js';
import { nameOfParticipant, participants, row } from '../participants.js';

const ENTRIES = 10_000;
const PROCESSES_EACH = 3;
const ASKS: readonly Ask[] = [
  { tiers: 'memory', values: 'shared', tags: 'carried' },
  { tiers: 'memory', values: 'isolated', tags: 'carried' },
];

/** What an entry in this process costs. */
export const memory: Scenario = {
  id: 'memory',
  kind: 'memory',
  title: 'Memory per entry in the process',
  how: `${ENTRIES.toLocaleString('en')} different entries set in a memory tier, two tags each where there are tags; the growth of heapUsed + external (ArrayBuffers are part of it) after gc, divided by the entries. All of them are checked to be there. In processes of their own, median of ${PROCESSES_EACH}.`,
  run,
};

async function run({ servers: redis, systems }: Bench): Promise<Outcome> {
  const rows: Row[] = [];
  const leftOut: LeftOut[] = [];
  for (const participant of participants(systems, ASKS)) {
    const name = nameOfParticipant(participant);
    const { ask } = participant;
    try {
      const bytesPerEntry: number[] = [];
      for (let n = 0; n < PROCESSES_EACH; n++) {
        const child = new Child(new URL('./memory.child.js', import.meta.url));
        const question: MemoryQuestion = { name, ask, url: redis.url, entries: ENTRIES };
        const { bytes } = await child.ask<MemoryAnswer>(question).finally(async () => child.end());
        bytesPerEntry.push(bytes / ENTRIES);
      }
      rows.push(row(participant, { bytesPerEntry }));
    } catch (error) {
      leftOut.push({ name, reason: reasonOf(error) });
    }
  }
  return { rows, leftOut, rounds: PROCESSES_EACH };
}
