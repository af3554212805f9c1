import { answering } from '../../harness/children.js';
import { LeftOutError } from '../../harness/left-out.js';
import { documentsOf, type Page } from '../pages.js';
import type { Ground, Subject } from '../system.js';
import { settingOf } from '../systems/all.js';

export type ColdQuestion =
  | { readonly open: { system: string; label: string; ground: Ground; warm: Page } }
  | { readonly page: Page; readonly callers: number };

export interface ColdAnswer {
  /** Until the last caller had its answer. */
  readonly ms: number;
}

let subject: Subject;

answering(async (asked) => {
  const question = asked as ColdQuestion;
  if ('open' in question) {
    const { system, label, ground, warm } = question.open;
    subject = await settingOf(system, label).open(ground);
    await subject.read(warm); // connections and code are there
    return {};
  }
  const { page, callers } = question;
  const start = performance.now();
  const answers = await Promise.all(Array.from({ length: callers }, async () => subject.read(page)));
  const ms = performance.now() - start;
  for (const answer of answers) {
    const count = documentsOf(answer).length;
    if (count !== page.size) throw new LeftOutError(`gave ${count} documents, not ${page.size}`);
  }
  return { ms } satisfies ColdAnswer;
});
