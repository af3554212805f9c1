import type { Group } from './case.js';
import { control } from './control.js';
import { documents } from './documents.js';
import { keys } from './keys.js';
import { outages } from './outages.js';
import { races } from './races.js';
import { reads } from './reads.js';
import { transactions } from './transactions.js';
import { types } from './types.js';
import { writes } from './writes.js';

/** In the order of the tables. */
export const groups: readonly Group[] = [
  keys,
  writes,
  reads,
  types,
  documents,
  transactions,
  races,
  outages,
  control,
];
