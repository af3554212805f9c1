import type { Outcome } from './suite-run.js';

/** What the plugin changed, by the names of the tests. */
export interface Comparison {
  /** Passed without the plugin, does not with it, and no reason is listed: with the message of the error. */
  unexpected: Map<string, string>;
  /** The same, with a listed reason. */
  expected: string[];
  /** Listed, and yet passed. */
  recovered: string[];
}

/** @param reasons why tests must fail when reads are answered by a cache, by their names */
export function compare(
  baseline: Outcome,
  outcome: Outcome,
  reasons: Readonly<Record<string, string>>,
): Comparison {
  const notPassed = [...baseline.passed].filter((name) => !outcome.passed.has(name));
  // Those of hooks, which pass without a word.
  const otherwise = [...outcome.failed.keys()].filter(
    (name) => !baseline.passed.has(name) && !baseline.failed.has(name),
  );
  const lost = [...notPassed, ...otherwise];
  return {
    unexpected: new Map(
      lost
        .filter((name) => !Object.hasOwn(reasons, name))
        .map((name) => [name, outcome.failed.get(name) ?? 'was not run']),
    ),
    expected: lost.filter((name) => Object.hasOwn(reasons, name)),
    recovered: Object.keys(reasons).filter((name) => outcome.passed.has(name)),
  };
}
