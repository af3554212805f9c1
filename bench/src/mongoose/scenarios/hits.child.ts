import { LeftOutError } from '../../harness/left-out.js';
import { answering } from '../../harness/children.js';
import { callsFor, warmUp, type Calls } from '../calls.js';
import { flaws } from '../faithfulness.js';
import { documentsOf, PAGES, type Page } from '../pages.js';
import type { Ground, Subject } from '../system.js';
import { settingOf } from '../systems/all.js';

export interface OpenQuestion {
  readonly system: string;
  readonly label: string;
  readonly ground: Ground;
  readonly page: Pick<Page, 'size' | 'shape'>;
}

export type HitsQuestion =
  { readonly open: OpenQuestion } | { readonly warmUpMs: number } | { readonly ms: number };

export interface OpenAnswer {
  /** What is wrong with its hits. */
  readonly flaws: readonly string[];
}

export type SlotAnswer = Calls;

let subject: Subject;
let page: OpenQuestion['page'];
let next = 0;

const read = async (n: number) => subject.read({ ...page, n: n % PAGES });

answering(async (asked) => {
  const question = asked as HitsQuestion;
  if ('ms' in question) return slot(question.ms);
  if ('warmUpMs' in question) return warmUp(question.warmUpMs, read).then(() => ({}));
  const { open } = question;
  page = open.page;
  subject = await settingOf(open.system, open.label).open(open.ground);
  for (let n = 0; n < 2 * PAGES; n++) await read(n);
  return { flaws: await flaws(subject, page) } satisfies OpenAnswer;
});

/**
 * No collection before it: a full one drops code that was compiled, and hits that take long would be measured while
 * it is compiled again. What calls leave is collected while they are measured, and part of their cost.
 */
async function slot(ms: number): Promise<SlotAnswer> {
  const measured = await callsFor(ms, read, next);
  next += measured.operations;
  if (subject.reference) {
    const count = documentsOf(await read(next)).length;
    if (count !== page.size) throw new LeftOutError(`gave ${count} documents, not ${page.size}`);
  }
  return measured;
}
