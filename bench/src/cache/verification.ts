import { isDeepStrictEqual } from 'node:util';
import { LeftOutError } from '../harness/left-out.js';
import { forAll } from '../harness/load-loops.js';
import type { Item, Product } from './items.js';
import type { Ask } from './system.js';

export type Read = (item: Item) => unknown;

/** What is read is what was stored, for every item. */
export async function verifyReads(items: readonly Item[], read: Read): Promise<void> {
  await forAll(items, async (item) => verifyValue(item, await read(item)));
}

export function verifyValue(item: Item, value: unknown): void {
  if (isDeepStrictEqual(value, item.value)) return;
  const shown = value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 80) ?? typeof value);
  throw new LeftOutError(`gave ${shown} for ${item.key}`);
}

/** Two hits give one object if values are shared, and two that don't touch each other if they are isolated. */
export async function verifyOwnership(item: Item, values: Ask['values'], read: Read): Promise<void> {
  const [first, second] = [await read(item), await read(item)];
  if (values === 'shared') {
    if (first !== second) throw new LeftOutError('gives each caller a copy, not the shared object');
    return;
  }
  if (first === second) throw new LeftOutError('gives all callers the same object, not one of their own');
  (first as Product).categories.push('spoiled');
  verifyValue(item, await read(item));
}
