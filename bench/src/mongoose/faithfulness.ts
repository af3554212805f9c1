import { CHECKED_PAGE, CONCURRENT_PAGE, documentsOf, type Page } from './pages.js';
import type { Product } from './products.js';
import type { Subject } from './system.js';

export const SHARES = 'callers share objects';
const TYPES = 'wrong types';
const SPOILED = 'spoiled';
/** How many changes of type a table names. */
const NAMED = 4;

/** What is wrong with the hits of a system, found by looking at some. Those with none give nothing. */
export async function flaws(
  { read, reference }: Subject,
  { size, shape }: Pick<Page, 'size' | 'shape'>,
): Promise<string[]> {
  if (!reference) return [];
  const page: Page = { size, shape, n: CHECKED_PAGE };
  const [first, second] = [await read(page), await read(page)].map(documentsOf);
  const expected = documentsOf(await reference(page));
  const found = [...new Set(expected.flatMap((one, n) => flawsOf(one, second?.[n])))];
  const shares = (await callersInTurnShare(read, page, first)) || (await callersAtOnceShare(read, page));
  return shares ? [...found, SHARES] : found;
}

/** What one caller did to its answer is seen by the next one. */
async function callersInTurnShare(
  read: Subject['read'],
  page: Page,
  earlier: readonly Product[] | undefined,
): Promise<boolean> {
  spoil(earlier?.[0]);
  const [one] = documentsOf(await read(page));
  if (one === earlier?.[0] || isSpoiled(one)) return true;
  spoil(one);
  const [next] = documentsOf(await read(page));
  return next === one || isSpoiled(next);
}

/** The same for two that ask at the same time, for what is there and for what is not yet. */
async function callersAtOnceShare(read: Subject['read'], checked: Page): Promise<boolean> {
  const page = { ...checked, n: CONCURRENT_PAGE };
  for (let turn = 0; turn < 2; turn++) {
    const [one, other] = (await Promise.all([read(page), read(page)])).map(
      (answer) => documentsOf(answer)[0],
    );
    spoil(one);
    if (one === other || isSpoiled(other)) return true;
  }
  return false;
}

function spoil(product: Product | undefined): void {
  if (!product) return;
  product.name = SPOILED;
  product.colours.push(SPOILED);
  if (product.variants[0]) product.variants[0].size = SPOILED;
  product.attributes['scent'] = SPOILED;
}

const isSpoiled = (product: Product | undefined): boolean =>
  product !== undefined &&
  (product.name === SPOILED ||
    product.colours.includes(SPOILED) ||
    product.variants[0]?.size === SPOILED ||
    product.attributes['scent'] === SPOILED);

interface State {
  readonly isNew: boolean;
  isModified(): boolean;
  toObject(): object;
}

const isDocument = (value: unknown): value is State =>
  typeof (value as Partial<State> | undefined)?.toObject === 'function';

function flawsOf(expected: unknown, given: unknown): string[] {
  if (!isDocument(expected)) return changesOf(expected, given);
  if (!isDocument(given)) return ['plain objects instead of documents'];
  return [
    ...(given.isNew ? ['documents are new'] : []),
    ...(given.isModified() ? ['documents are modified'] : []),
    ...changesOf(expected.toObject(), given.toObject()),
  ];
}

function changesOf(expected: unknown, given: unknown): string[] {
  const changes = new Set<string>();
  compare(expected, given, changes);
  if (changes.size === 0) return [];
  const named = [...changes].toSorted().slice(0, NAMED).join(', ');
  return [`${TYPES}: ${named}${changes.size > NAMED ? ' …' : ''}`];
}

/** Collects `ObjectId → string`, for all that is not of the same type and value. */
function compare(expected: unknown, given: unknown, changes: Set<string>): void {
  const [type, other] = [typeOf(expected), typeOf(given)];
  if (type !== other) changes.add(`${type} → ${other}`);
  else if (type === 'Object' || type === 'Array') {
    const [before, after] = [expected, given] as [Record<string, unknown>, Record<string, unknown>];
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(before[name], after[name], changes);
    }
  } else if (JSON.stringify(expected) !== JSON.stringify(given)) changes.add(`another ${type}`);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return value === undefined ? 'nothing' : typeof value;
  return (value as { _bsontype?: string })._bsontype ?? value.constructor?.name ?? 'Object';
}
