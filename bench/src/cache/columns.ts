import type { Column } from '../benchmark.js';
import { middle, range, times, whole } from '../report/cells.js';
import type { Row } from './result.js';

export const COLUMNS: Readonly<Record<string, readonly Column<Row>[]>> = {
  throughput: [
    ['ops/s', middle('opsPerSecond', whole)],
    ['min..max', range('opsPerSecond', whole)],
    ['× raw', times('opsPerSecond', ({ system }) => system === 'raw')],
    ['CPU µs/op', middle('cpuMicrosecondsPerOp', (n) => n.toFixed(2))],
  ],
  invalidation: [
    ['invalidate, ms', middle('invalidateMs', (n) => n.toFixed(2))],
    ['min..max', range('invalidateMs', (n) => n.toFixed(2))],
    ['1,000 reads, ms', middle('readsMs', (n) => n.toFixed(1))],
    ['min..max', range('readsMs', (n) => n.toFixed(1))],
  ],
  stampede: [
    ['factory runs', middle('factoryRuns', whole)],
    ['min..max', range('factoryRuns', whole)],
    ['all answered, ms', middle('answeredMs', whole)],
  ],
  memory: [['bytes per entry', middle('bytesPerEntry', whole)]],
  'redis-bytes': [
    ['bytes per entry', middle('bytesPerEntry', whole)],
    ['each tag invalidated once', middle('bytesPerEntryOnceInvalidated', whole)],
  ],
};
