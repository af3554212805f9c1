import type { Column } from '../benchmark.js';
import { middle, range, times, whole } from '../report/cells.js';
import type { Row } from '../result.js';

const isUncached = ({ system }: Row): boolean => system === 'mongoose';

const COSTS: readonly Column<Row>[] = [
  ['µs', middle('microseconds', whole)],
  ['min..max', range('microseconds', whole)],
  ['CPU µs', middle('cpuMicroseconds', whole)],
];
const BESIDE: readonly Column<Row>[] = [
  ['× mongoose', times('microseconds', isUncached)],
  ['CPU × mongoose', times('cpuMicroseconds', isUncached)],
];

export const COLUMNS: Readonly<Record<string, readonly Column<Row>[]>> = {
  hits: [...COSTS, ...BESIDE, ['MongoDB reads/call', middle('readsPerCall', (n) => n.toFixed(0))]],
  attached: [...COSTS, ...fine()],
  write: [
    ...COSTS,
    ...fine(),
    ['Redis round trips', middle('roundTrips', whole)],
    ['min..max', range('roundTrips', whole)],
  ],
  cold: [
    ['MongoDB reads', middle('reads', whole)],
    ['min..max', range('reads', whole)],
    ['all answered, ms', middle('answeredMs', whole)],
  ],
};

/** For what is near to 1. */
function fine(): Column<Row>[] {
  return [
    ['× without', times('microseconds', isUncached, 3)],
    ['CPU × without', times('cpuMicroseconds', isUncached, 3)],
  ];
}
