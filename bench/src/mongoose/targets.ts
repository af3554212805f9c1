import { pairedRatio, spread } from '../harness/statistics.js';
import { nameOf, samplesOf, type Row, type ScenarioResult, type Verdict } from '../result.js';
import { SHARES } from './faithfulness.js';
import type { Shape, Size } from './pages.js';
import { hitsId, NEVER_CACHED } from './scenarios/hits.js';
import { PEERS } from './systems/all.js';

type Results = readonly ScenarioResult[];
type Target = (results: Results) => Verdict;
type Rule = (row: Row) => boolean;

const is =
  (system: string, label: string): Rule =>
  (row) =>
    row.system === system && row.label === label;

const UNCACHED = is('mongoose', 'uncached');
const TIERS = ['L1', 'L2'] as const;

/** Peers whose callers each get documents of their own, and that get them from the cache at all. */
const isolatedPeer: Rule = ({ system, differs }) =>
  PEERS.includes(system) && !differs.includes(SHARES) && !differs.includes(NEVER_CACHED);

const TARGETS: readonly Target[] = [
  ...([10, 100] as const).map((size) =>
    atMost(1.25, 'GET and our decoder', 'lean', size, 'L2', is('floor', 'GET, our decoder')),
  ),
  atMost(0.6, 'GET and bson.deserialize', 'lean', 100, 'L2', is('floor', 'GET, bson.deserialize')),
  ...([1, 10, 100] as const).map((size) =>
    atMost(0.6, 'the same hit from L2', 'lean', size, 'L1', is('flora', 'L2')),
  ),
  ...([10, 100] as const).flatMap((size) =>
    TIERS.map((tier) => atMost(0.4, 'uncached Mongoose', 'hydrated', size, tier, UNCACHED)),
  ),
  ...([10, 100] as const).flatMap((size) =>
    TIERS.map((tier) =>
      atMost(1, 'every peer with isolated documents', 'hydrated', size, tier, isolatedPeer),
    ),
  ),
  ...(['lean', 'hydrated'] as const).flatMap((shape) =>
    TIERS.map((tier) => atMost(0.35, 'uncached Mongoose', shape, 1, tier, UNCACHED)),
  ),
  ...['unmarked-lean-1', 'unmarked-hydrated-10'].map((scenario) =>
    compared({
      scenario,
      target: 'plugin registered: ≤ 1.03 × without',
      ours: is('flora', 'registered'),
      others: is('mongoose', 'without'),
      limit: 1.03,
    }),
  ),
  onePerRound('write', 'invalidation: at most one Redis round trip', is('flora', 'registered'), 'roundTrips'),
  onePerRound('cold', '1 read of MongoDB', is('flora', 'L1'), 'reads'),
];

/** The targets of these scenarios. The medians of ratios are of pairs from the same round. */
export const judge = (results: Results): Verdict[] =>
  TARGETS.map((target) => target(results)).filter(({ scenario }) =>
    results.some(({ id }) => id === scenario),
  );

function atMost(limit: number, what: string, shape: Shape, size: Size, tier: string, others: Rule): Target {
  const target = `${tier}: ${limit === 1 ? 'faster than' : `≤ ${limit} ×`} ${what}`;
  return compared({ scenario: hitsId(shape, size), target, ours: is('flora', tier), others, limit });
}

interface Comparison {
  readonly scenario: string;
  readonly target: string;
  readonly ours: Rule;
  readonly others: Rule;
  readonly limit: number;
}

/** Reached where both are: the time that a call takes, and the time of the processor that it costs. */
function compared({ scenario, target, ours, others, limit }: Comparison): Target {
  return (results) => {
    const rows = rowsOf(results, scenario);
    const mine = rows.find(ours);
    const compared = rows.filter((row) => others(row) && row !== mine);
    if (!mine || compared.length === 0) return notMeasured(scenario, target);
    const ratios = compared.map((other) => {
      const [time, cpu] = ['microseconds', 'cpuMicroseconds'].map((metric) =>
        pairedRatio(samplesOf(mine, metric), samplesOf(other, metric)),
      ) as [number, number];
      return { other, time, cpu };
    });
    // Judged by the one that is hardest to beat.
    const worst = (one: (typeof ratios)[number]) => Math.max(one.time, one.cpu);
    const hardest = ratios.toSorted((a, b) => worst(b) - worst(a))[0] as (typeof ratios)[number];
    const [time, cpu] = [hardest.time, hardest.cpu].map((ratio) => ratio.toFixed(limit > 1 ? 3 : 2));
    const measured = `${time} × ${nameOf(hardest.other)} (CPU ${cpu} ×)`;
    return { scenario, target, measured, reached: worst(hardest) <= limit };
  };
}

function onePerRound(scenario: string, target: string, ours: Rule, metric: string): Target {
  return (results) => {
    const mine = rowsOf(results, scenario).find(ours);
    if (!mine) return notMeasured(scenario, target);
    const { median, max } = spread(samplesOf(mine, metric));
    return { scenario, target, measured: `${median}, at most ${max}`, reached: max <= 1 };
  };
}

const rowsOf = (results: Results, id: string): readonly Row[] =>
  results.find((result) => result.id === id)?.rows ?? [];

const notMeasured = (scenario: string, target: string): Verdict => ({
  scenario,
  target,
  measured: 'not measured in this run',
  reached: undefined,
});
