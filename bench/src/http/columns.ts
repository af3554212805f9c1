import type { Column } from '../benchmark.js';
import { middle, NONE, range, whole } from '../report/cells.js';
import { bestOf, type Metric } from './best.js';
import type { Row } from '../result.js';

const isBare = ({ label }: Row): boolean => label === 'bare route';

/** Of the least disturbed slot: what else the machine did can only make it worse. */
const best =
  (metric: Metric, shown: (n: number) => string) =>
  (row: Row): string =>
    shown(bestOf(row, metric));

const besideBare =
  (metric: Metric) =>
  (row: Row, all: readonly Row[]): string => {
    const bare = all.find(isBare);
    if (!bare) return NONE;
    const ratio = bestOf(row, metric) / bestOf(bare, metric);
    return ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(2);
  };

export const COLUMNS: Readonly<Record<string, readonly Column<Row>[]>> = {
  hits: [
    ['CPU µs', best('cpuMicroseconds', whole)],
    ['median', middle('cpuMicroseconds', whole)],
    ['CPU × bare', besideBare('cpuMicroseconds')],
    ['requests/s', best('requestsPerSecond', whole)],
    ['median', middle('requestsPerSecond', whole)],
    ['requests/s × bare', besideBare('requestsPerSecond')],
  ],
  misses: [
    ['handler runs', middle('runs', whole)],
    ['min..max', range('runs', whole)],
    ['all answered, ms', middle('answeredMs', whole)],
  ],
};
