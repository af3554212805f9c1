import type { Column } from '../benchmark.js';
import { middle, range, times, whole } from '../report/cells.js';
import type { Row } from '../result.js';

const isBare = ({ label }: Row): boolean => label === 'bare route';

export const COLUMNS: Readonly<Record<string, readonly Column<Row>[]>> = {
  hits: [
    ['CPU µs', middle('cpuMicroseconds', whole)],
    ['min..max', range('cpuMicroseconds', whole)],
    ['CPU × bare', times('cpuMicroseconds', isBare)],
    ['requests/s', middle('requestsPerSecond', whole)],
    ['min..max', range('requestsPerSecond', whole)],
    ['requests/s × bare', times('requestsPerSecond', isBare)],
    ['p99, ms', middle('p99', whole)],
  ],
  misses: [
    ['handler runs', middle('runs', whole)],
    ['min..max', range('runs', whole)],
    ['all answered, ms', middle('answeredMs', whole)],
  ],
};
