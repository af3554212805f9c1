import { SHAPES } from '../pages.js';
import type { Scenario } from '../scenario.js';
import { unmarked, writes } from './attached.js';
import { cold } from './cold.js';
import { hits } from './hits.js';

export const SCENARIOS: readonly Scenario[] = [
  ...SHAPES.flatMap((shape) => ([1, 10, 100] as const).map((size) => hits(shape, size))),
  unmarked(1, 'lean'),
  unmarked(10, 'hydrated'),
  writes,
  cold,
];
