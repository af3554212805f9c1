import { setTimeout as sleep } from 'node:timers/promises';
import { answering } from '../../harness/children.js';
import { verifyValue } from '../verification.js';
import { item, type Item } from '../items.js';
import type { Ask, Subject } from '../system.js';
import { SYSTEMS } from '../systems/all.js';
import { participant } from '../participants.js';

export type StampedeQuestion =
  { open: { name: string; ask: Ask; url: string; factoryMs: number } } | { round: number; callers: number };

export interface StampedeAnswer {
  /** Of the factory, in this process. */
  runs: number;
  /** Until the last caller had its answer. */
  ms: number;
}

let runs = 0;
let subject: Subject;

answering(async (asked) => {
  const question = asked as StampedeQuestion;
  if ('open' in question) {
    const { name, ask, url, factoryMs } = question.open;
    const load = async ({ value }: Item) => {
      runs++;
      await sleep(factoryMs);
      return value;
    };
    subject = await participant(SYSTEMS, name, ask).setting.open({ url, namespace: 'stampede', load });
    await subject.getOrSet(item(process.pid, 'warm')); // connections and code are there
    return {};
  }
  runs = 0;
  const one = item(question.round, 'wanted');
  const start = performance.now();
  const values = await Promise.all(
    Array.from({ length: question.callers }, async () => subject.getOrSet(one)),
  );
  const ms = performance.now() - start;
  for (const value of values) verifyValue(one, value);
  return { runs, ms } satisfies StampedeAnswer;
});
