import { describe, expect, it } from 'vitest';
import { compare } from '../../conformance/mongoose/comparison.js';
import type { Mode, Outcome } from '../../conformance/mongoose/suite-run.js';

const outcome = (mode: Mode, passed: string[], failed: string[] = []): Outcome => ({
  mode,
  passed: new Set(passed),
  failed: new Map(failed.map((name) => [name, `${name} went wrong`])),
  totals: { passed: passed.length, failed: failed.length, pending: 0 },
  unsteady: [],
});
const baseline = outcome('baseline', ['reads', 'counts'], ['secondary']);
const unexpected = (other: Outcome, reasons = {}) => [...compare(baseline, other, reasons).unexpected];

describe('Mongoose’s own tests beside the baseline', () => {
  it('what failed without the plugin is no failure of its own', () => {
    expect(unexpected(outcome('cached', ['reads', 'counts'], ['secondary']))).toEqual([]);
  });

  it('what passed and fails is one, what was not run, and what only fails', () => {
    expect(unexpected(outcome('cached', ['counts'], ['reads']))).toEqual([['reads', 'reads went wrong']]);
    expect(unexpected(outcome('cached', ['reads']))).toEqual([['counts', 'was not run']]);
    expect(unexpected(outcome('cached', ['reads', 'counts'], ['a hook']))).toEqual([
      ['a hook', 'a hook went wrong'],
    ]);
  });

  it('what is listed is expected, and said when it passes', () => {
    const reasons = { counts: 'counts calls', gone: 'counts calls' };
    const fails = compare(baseline, outcome('cached', ['reads'], ['counts']), reasons);
    expect(fails).toEqual({ unexpected: new Map(), expected: ['counts'], recovered: [] });
    expect(compare(baseline, outcome('cached', ['reads', 'counts']), reasons).recovered).toEqual(['counts']);
  });
});
