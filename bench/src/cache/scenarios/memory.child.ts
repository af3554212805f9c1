import { answering } from '../../harness/children.js';
import { collectGarbage } from '../../harness/rounds.js';
import { LeftOutError } from '../../harness/left-out.js';
import { verifyOwnership, verifyValue } from '../verification.js';
import { item, items } from '../items.js';
import type { Ask } from '../system.js';
import { SYSTEMS } from '../systems/all.js';
import { openParticipant, participant } from '../participants.js';

export interface MemoryQuestion {
  name: string;
  ask: Ask;
  url: string;
  entries: number;
}

export interface MemoryAnswer {
  bytes: number;
}

const PRACTICE = 200;

answering(async (asked) => {
  const { name, ask, url, entries } = asked as MemoryQuestion;
  const { subject, loads } = await openParticipant(participant(SYSTEMS, name, ask), {
    url,
    namespace: 'memory',
  });
  // Code, inner tables and the first hits are there before the first measure.
  for (const one of items(PRACTICE, 'practice')) {
    await subject.set(one);
    await subject.getOrSet(one);
  }
  if (ask.values !== 'as it comes') {
    await verifyOwnership(item(0, 'practice'), ask.values, subject.getOrSet);
  }
  const before = await used();
  for (let n = 0; n < entries; n++) await subject.set(item(n));
  const bytes = (await used()) - before;
  loads.count = 0;
  for (let n = 0; n < entries; n++) verifyValue(item(n), await subject.getOrSet(item(n)));
  if (loads.count > 0) throw new LeftOutError(`had lost ${loads.count} of ${entries} entries`);
  return { bytes } satisfies MemoryAnswer;
});

/** After a collection that finds nothing more. */
async function used(): Promise<number> {
  for (let n = 0; n < 3; n++) await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
