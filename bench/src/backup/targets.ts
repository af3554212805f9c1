import { median, pairedRatio } from '../harness/statistics.js';
import { type Row, samplesOf, type ScenarioResult, type Verdict } from '../result.js';
import { type Engine, ENGINES, FLORA } from './system.js';

type Results = readonly ScenarioResult[];

/** A number that both rows of a scenario give in each round, or one row alone. */
interface Target {
  readonly scenario: string;
  readonly target: string;
  readonly engine: Engine | 'archive';
  /** Undefined where it was not measured. */
  readonly of: (mine: Row, rows: readonly Row[]) => number | undefined;
  readonly limit: number;
  readonly isLeast: boolean;
}

const TARGETS: readonly Target[] = [
  ...ENGINES.flatMap((engine): Target[] => [
    atLeast('create', engine, 'speed of mongodump to a file', 0.55, speedBeside('mongodump')),
    atLeast('create', engine, 'speed of mongodump into zstd -3', 0.95, speedBeside('mongodump into zstd -3')),
    atLeast('create', engine, 'speed of mongodump --gzip', 5, speedBeside('mongodump --gzip')),
    atMost('create', engine, 'of the size of the documents', 0.35, middleOf('size')),
    atMost('create', engine, 'MB held by the process', 200, middleOf('rssMegabytes')),
    atMost('create', engine, 'p99 of event loop delay of the idle process', 1.5, (mine) =>
      paired(mine, 'delayP99Ms', mine, 'idleP99Ms'),
    ),
    atMost('memory', engine, 'memory of a tenth of the data', 1.1, (mine) =>
      paired(mine, 'wholeMegabytes', mine, 'tenthMegabytes'),
    ),
    atMost('restore', engine, 'time of mongorestore, once proved', 1.05, (mine, rows) => {
      const raw = rows.find(({ label }) => label === 'mongorestore');
      return raw && paired(mine, 'afterProof', raw, 'afterProof');
    }),
    atMost('restore', engine, 'time of mongorestore for proving', 0.25, (mine, rows) => {
      const raw = rows.find(({ label }) => label === 'mongorestore');
      return raw && paired(mine, 'proving', raw, 'seconds');
    }),
  ]),
  atLeast('verify', 'archive', 'MB/s', 150, middleOf('speed')),
];

/** The targets of these scenarios. The medians of ratios are of pairs from the same round. */
export const judge = (results: Results): Verdict[] =>
  TARGETS.filter(({ scenario }) => results.some(({ id }) => id === scenario)).map((one) => {
    const { scenario, engine, limit, isLeast, of } = one;
    const rows = results.find(({ id }) => id === scenario)?.rows ?? [];
    const mine = rows.find(({ system, label }) => system === FLORA.name && label === engine);
    const value = mine && of(mine, rows);
    const target = `${engine}: ${isLeast ? '≥' : '≤'} ${limit} ${one.target}`;
    if (value === undefined)
      return { scenario, target, measured: 'not measured in this run', reached: undefined };
    return {
      scenario,
      target,
      measured: value.toPrecision(3),
      reached: isLeast ? value >= limit : value <= limit,
    };
  });

type Of = Target['of'];

function atLeast(scenario: string, engine: Target['engine'], target: string, limit: number, of: Of): Target {
  return { scenario, engine, target: `× ${target}`.replace('× MB', 'MB'), limit, of, isLeast: true };
}

function atMost(scenario: string, engine: Target['engine'], target: string, limit: number, of: Of): Target {
  const unit = /^(MB|of)/.test(target) ? target : `× ${target}`;
  return { scenario, engine, target: unit, limit, of, isLeast: false };
}

function speedBeside(label: string): Of {
  return (mine, rows) => {
    const other = rows.find((row) => row.system === 'tools' && row.label === label);
    return other && paired(mine, 'speed', other, 'speed');
  };
}

function middleOf(metric: string): Of {
  return (mine) => {
    const samples = samplesOf(mine, metric);
    return samples.length === 0 ? undefined : median(samples);
  };
}

function paired(of: Row, metric: string, to: Row, other: string): number | undefined {
  const [mine, theirs] = [samplesOf(of, metric), samplesOf(to, other)];
  return mine.length === 0 || theirs.length === 0 ? undefined : pairedRatio(mine, theirs);
}
