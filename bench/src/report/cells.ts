import { pairedRatio, spread } from '../harness/statistics.js';
import { samplesOf, type Row } from '../result.js';

type Cell = (row: Row, all: readonly Row[]) => string;

export const NONE = '–';

export function middle(metric: string, shown: (n: number) => string): Cell {
  return (row) => {
    const samples = samplesOf(row, metric);
    return samples.length === 0 ? NONE : shown(spread(samples).median);
  };
}

export function range(metric: string, shown: (n: number) => string): Cell {
  return (row) => {
    const samples = samplesOf(row, metric);
    if (samples.length === 0) return NONE;
    const { min, max } = spread(samples);
    return `${shown(min)}..${shown(max)}`;
  };
}

/** The median of the ratios to a row of the same table, round by round. */
export function times(metric: string, isOther: (row: Row) => boolean, decimals = 2): Cell {
  return (row, all) => {
    const other = all.find(isOther);
    if (!other) return NONE;
    const ratio = pairedRatio(samplesOf(row, metric), samplesOf(other, metric));
    return ratio >= 0.1 ? ratio.toFixed(decimals) : ratio.toPrecision(2);
  };
}

export function whole(n: number): string {
  return Math.round(n).toLocaleString('en');
}
