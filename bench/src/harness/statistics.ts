export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('there is no middle of nothing');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (n: number): number => sorted[n] as number;
  return {
    median: sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

export const median = (values: readonly number[]): number => spread(values).median;

/**
 * The median of the ratios round by round. What disturbs a machine for seconds disturbs both of a pair, so this
 * moves less than the ratio of two medians.
 */
export function pairedRatio(of: readonly number[], to: readonly number[]): number {
  return median(of.slice(0, to.length).map((value, n) => value / (to[n] as number)));
}
