import { pairedRatio, spread } from '../harness/statistics.js';
import { nameOf, samplesOf, type Metric, type Row, type ScenarioResult } from './result.js';
import type { Verdict } from '../result.js';
import { PEERS } from './systems/all.js';

type Rule = (row: Row) => boolean;

interface Comparison {
  readonly scenario: string;
  readonly target: string;
  readonly metric: Metric;
  /** Which of our rows. */
  readonly ours: Rule;
  readonly others: Rule;
  /** Times the other, at least; for what is better when it is less: at most. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

const tagged = ({ ask }: Row): boolean => ask.tags !== 'none';
const untagged = (row: Row): boolean => !tagged(row);
const isolated = ({ ask }: Row): boolean => ask.values === 'isolated';
const shared = ({ ask }: Row): boolean => ask.values === 'shared';
const any = (): boolean => true;
const of =
  (...systems: readonly string[]) =>
  ({ system }: Row): boolean =>
    systems.includes(system);
const peer = of(...PEERS);
const withoutTags = ({ differs }: Row): boolean => differs.includes('no tags');
/** Whose entries carry tags, or a group, in this row. */
const withTags = (row: Row): boolean => tagged(row) && !withoutTags(row);

function both(...rules: readonly Rule[]): Rule {
  return (row) => rules.every((rule) => rule(row));
}

function faster(scenario: string, target: string, ours: Rule, others: Rule, atLeast: number): Target {
  return compared({ scenario, target, metric: 'opsPerSecond', ours, others, atLeast });
}

function notMore(scenario: string, target: string, metric: Metric, ours: Rule, others: Rule): Target {
  return compared({ scenario, target, metric, ours, others, atMost: 1 });
}

type Target = (results: readonly ScenarioResult[]) => Verdict;

const TARGETS: readonly Target[] = [
  faster(
    'l1-shared',
    '≥ 0.8 × layered-loader, which has no tags',
    any,
    both(of('layered-loader'), withoutTags),
    0.8,
  ),
  ...['bentocache', 'cacheable', 'cache-manager'].map((name) =>
    faster('l1-shared', `≥ 30 × ${name}`, any, of(name), 30),
  ),
  ...['bentocache', 'cacheable'].map((name) => faster('l1-isolated', `≥ 8 × ${name}`, any, of(name), 8)),
  faster('l2-sequential', '2 tags: ≥ 0.95 × raw GET and JSON.parse', tagged, of('raw'), 0.95),
  faster('l2-in-flight', '2 tags: ≥ 0.75 × raw GET and JSON.parse', tagged, of('raw'), 0.75),
  faster('l2-in-flight', '2 tags: ≥ 2 × every peer', tagged, peer, 2),
  faster('set-l2', '≥ 0.6 × raw JSON.stringify and SET PX', untagged, of('raw'), 0.6),
  invalidationGrowth,
  ...['invalidate-1e3', 'invalidate-1e5'].map((scenario) =>
    notMore(scenario, '1,000 reads after it: faster than every peer', 'readsMs', any, peer),
  ),
  factoryRuns,
  notMore('memory', 'shared values: ≤ every peer that shares', 'bytesPerEntry', shared, both(peer, shared)),
  notMore(
    'memory',
    'isolated values: ≤ every peer that isolates',
    'bytesPerEntry',
    isolated,
    both(peer, isolated),
  ),
  notMore('redis-bytes', 'no tags: ≤ every peer', 'bytesPerEntry', untagged, both(peer, untagged)),
  notMore('redis-bytes', '2 tags: ≤ every peer that has tags', 'bytesPerEntry', tagged, both(peer, withTags)),
];

/** The targets of these scenarios. The medians of ratios are of pairs from the same round. */
export const judge = (results: readonly ScenarioResult[]): Verdict[] =>
  TARGETS.map((target) => target(results)).filter(({ scenario }) =>
    results.some(({ id }) => id === scenario),
  );

function compared(comparison: Comparison): Target {
  return (results) => comparisonOf(comparison, results);
}

function comparisonOf(comparison: Comparison, results: readonly ScenarioResult[]): Verdict {
  const { scenario, target, metric, atLeast = 0, atMost = Infinity } = comparison;
  const rows = rowsOf(results, scenario);
  const ours = rows.find((row) => row.system === 'flora' && comparison.ours(row));
  const others = rows.filter((row) => comparison.others(row) && !row.aside);
  if (!ours || others.length === 0) return notMeasured(scenario, target);
  const ratios = others.map((other) => ({
    other,
    ratio: pairedRatio(samplesOf(ours, metric), samplesOf(other, metric)),
  }));
  // Judged by the one that is hardest to beat.
  const byRatio = ratios.toSorted((a, b) => a.ratio - b.ratio);
  const hardest = byRatio.at(atMost < Infinity ? -1 : 0) as (typeof ratios)[number];
  const reached = hardest.ratio >= atLeast && hardest.ratio <= atMost;
  const measured = `${shownRatio(hardest.ratio)} × ${nameOf(hardest.other)}${byProcessorTime(ours, hardest.other)}`;
  return { scenario, target, measured, reached };
}

/** Beside the verdict, not part of it: what the same says on a machine that does other work as well. */
function byProcessorTime(ours: Row, other: Row): string {
  const [mine, theirs] = [ours, other].map((row) => samplesOf(row, 'cpuMicrosecondsPerOp'));
  if (!mine?.length || !theirs?.length) return '';
  return ` (by CPU time ${shownRatio(pairedRatio(theirs, mine))} ×)`;
}

function invalidationGrowth(results: readonly ScenarioResult[]): Verdict {
  const scenario = 'invalidate-1e5';
  const target = 'within 2 × of the same on 1,000 keys';
  const [few, many] = ['invalidate-1e3', scenario].map((id) => {
    const ours = rowsOf(results, id).find(of('flora'));
    return ours && spread(samplesOf(ours, 'invalidateMs'));
  });
  if (!few || !many) return notMeasured(scenario, target);
  const shown = (by: 'median' | 'min') => `${many[by].toFixed(2)} and ${few[by].toFixed(2)} ms`;
  const measured = `${shownRatio(many.median / few.median)} × (${shown('median')}; at best ${shown('min')})`;
  return { scenario, target, measured, reached: many.median <= 2 * few.median };
}

function factoryRuns(results: readonly ScenarioResult[]): Verdict {
  const [scenario, target] = ['stampede', '1 factory run'];
  const ours = rowsOf(results, scenario).find(of('flora'));
  if (!ours) return notMeasured(scenario, target);
  const most = Math.max(...samplesOf(ours, 'factoryRuns'));
  return { scenario, target, measured: `${most} at most`, reached: most === 1 };
}

const rowsOf = (results: readonly ScenarioResult[], id: string): readonly Row[] =>
  results.find((result) => result.id === id)?.rows ?? [];

const notMeasured = (scenario: string, target: string): Verdict => ({
  scenario,
  target,
  measured: 'not measured in this run',
  reached: undefined,
});

const shownRatio = (ratio: number): string => (ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2));
