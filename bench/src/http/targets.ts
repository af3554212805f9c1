import { spread } from '../harness/statistics.js';
import { nameOf, samplesOf, type Row, type ScenarioResult, type Verdict } from '../result.js';
import { bestOf, type Metric } from './best.js';
import { hitsId } from './scenarios/hits.js';
import { PLATFORMS } from './system.js';

type Results = readonly ScenarioResult[];
type Target = (results: Results) => Verdict;

const L1 = 'interceptor, L1';
const EARLY = 'early, L1';
const BARE = 'nest, bare route';

const TARGETS: readonly Target[] = [
  cpuAtMost(0.35, hitsId('fastify', '50k'), L1, BARE),
  cpuAtMost(0.8, hitsId('express', '50k'), L1, BARE),
  ...PLATFORMS.map((platform) => cpuAtMost(1.35, hitsId(platform, '1k'), L1, 'nest, empty interceptor')),
  cpuAtMost(0.25, hitsId('express', '1k'), EARLY, BARE),
  cpuAtMost(0.1, hitsId('express', '50k'), EARLY, BARE),
  cpuAtMost(0.2, hitsId('fastify', '50k'), EARLY, BARE),
  ...PLATFORMS.map((platform) =>
    cpuAtMost(1 / 3, hitsId(platform, '50k'), 'interceptor, L2', '@nestjs/cache-manager, Redis'),
  ),
  ...PLATFORMS.map((platform) => throughputAtLeast(5, hitsId(platform, 'query'), L1, BARE)),
  oneRun,
];

/** The targets of these scenarios, judged by the least disturbed slots of both. */
export const judge = (results: Results): Verdict[] =>
  TARGETS.map((target) => target(results)).filter(({ scenario }) =>
    results.some(({ id }) => id === scenario),
  );

function cpuAtMost(limit: number, scenario: string, label: string, other: string): Target {
  const target = `${label}: CPU ≤ ${Number(limit.toFixed(2))} × ${other}`;
  return compared({ scenario, target, label, other }, 'cpuMicroseconds', (ratio) => ratio <= limit);
}

function throughputAtLeast(limit: number, scenario: string, label: string, other: string): Target {
  const target = `${label}: requests/s ≥ ${limit} × ${other}`;
  return compared({ scenario, target, label, other }, 'requestsPerSecond', (ratio) => ratio >= limit);
}

interface Comparison {
  readonly scenario: string;
  readonly target: string;
  readonly label: string;
  readonly other: string;
}

function compared(
  { scenario, target, label, other }: Comparison,
  metric: Metric,
  isEnough: (ratio: number) => boolean,
): Target {
  return (results) => {
    const rows = rowsOf(results, scenario);
    const mine = rows.find((row) => nameOf(row) === `flora, ${label}`);
    const beside = rows.find((row) => nameOf(row) === other);
    if (!mine || !beside)
      return { scenario, target, measured: 'not measured in this run', reached: undefined };
    const ratio = bestOf(mine, metric) / bestOf(beside, metric);
    return { scenario, target, measured: `${ratio.toPrecision(2)} ×`, reached: isEnough(ratio) };
  };
}

function oneRun(results: Results): Verdict {
  const [scenario, target] = ['misses', '1 handler run'];
  const mine = rowsOf(results, scenario).find((row) => nameOf(row) === `flora, ${L1}`);
  if (!mine) return { scenario, target, measured: 'not measured in this run', reached: undefined };
  const { median, max } = spread(samplesOf(mine, 'runs'));
  return { scenario, target, measured: `${median}, at most ${max}`, reached: max <= 1 };
}

const rowsOf = (results: Results, id: string): readonly Row[] =>
  results.find((result) => result.id === id)?.rows ?? [];
