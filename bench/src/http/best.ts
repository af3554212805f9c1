import { spread } from '../harness/statistics.js';
import { samplesOf, type Row } from '../result.js';

export type Metric = 'cpuMicroseconds' | 'requestsPerSecond';

/**
 * The best of a row's slots. What else a machine does makes a request dearer, by a factor that changes within
 * seconds, and never cheaper: of many short slots the best is the one that says most about the server.
 */
export function bestOf(row: Row, metric: Metric): number {
  const { min, max } = spread(samplesOf(row, metric));
  return metric === 'requestsPerSecond' ? max : min;
}
