import { pairedRatio, spread } from '../harness/statistics.js';
import {
  nameOf,
  samplesOf,
  type Kind,
  type Metric,
  type Row,
  type RunResult,
  type ScenarioResult,
} from '../result.js';
import type { Verdict } from '../targets.js';

type Cell = (row: Row, all: readonly Row[]) => string;
type Column = readonly [title: string, cell: Cell];

const NONE = '–';

const COLUMNS: Readonly<Record<Kind, readonly Column[]>> = {
  throughput: [
    ['ops/s', middle('opsPerSecond', whole)],
    ['min..max', range('opsPerSecond', whole)],
    ['× raw', timesRaw('opsPerSecond')],
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

export function runReport(result: RunResult, verdicts: readonly Verdict[]): string {
  return [
    '# Cache benchmark',
    machineReport(result),
    '## Targets',
    targetsReport(verdicts),
    ...result.scenarios.map(scenarioReport),
  ].join('\n\n');
}

export function machineReport({ machine, pace, complete }: RunResult): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const { date, measured, node, redis, cpu, cores, platform } = machine;
  return [
    `- ${date.slice(0, 10)}, ${measured}${complete ? '' : '; not a complete run'}`,
    `- Node ${node}, Redis ${redis} on loopback, ${cpu}, ${cores} cores, ${platform}`,
    `- ${pace.rounds} rounds, slots of ${pace.ms} ms, medians`,
    `- ${versions.join(', ')}`,
  ].join('\n');
}

export function scenarioReport({ kind, title, how, rows, leftOut, load, rounds }: ScenarioResult): string {
  const columns: Column[] = [
    ['system', nameOf],
    ...COLUMNS[kind],
    ['differs', ({ differs }) => differs.join('; ') || NONE],
  ];
  const notes = [
    `${how} Load average ${load[0]} before, ${load[1]} after; ${rounds} ${rounds === 1 ? 'round' : 'rounds'}.`,
    ...leftOut.map(({ name, reason }) => `Left out: **${name}**, it ${reason}.`),
  ];
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row, rows)));
  return [
    `## ${title}`,
    table(
      columns.map(([title]) => title),
      cells,
    ),
    ...notes,
  ].join('\n\n');
}

export function targetsReport(verdicts: readonly Verdict[]): string {
  const cells = verdicts.map(({ scenario, target, measured, reached }) => [
    scenario,
    target,
    measured,
    reached === undefined ? NONE : reached ? 'yes' : '**no**',
  ]);
  return table(['scenario', 'target', 'this run', 'reached'], cells);
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** A number, a range of them, or that there is none. */
const FIGURES = /^(–|[\d.,]+)$/;

/** Text columns to the left, figures to the right. */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const figures = titles.map((_, n) => rows.every((row) => FIGURES.test(row[n] ?? '')));
  return [line(titles), line(figures.map((right) => (right ? '---:' : '---'))), ...rows.map(line)].join('\n');
}

function middle(metric: Metric, shown: (n: number) => string): Cell {
  return (row) => {
    const samples = samplesOf(row, metric);
    return samples.length === 0 ? NONE : shown(spread(samples).median);
  };
}

function range(metric: Metric, shown: (n: number) => string): Cell {
  return (row) => {
    const samples = samplesOf(row, metric);
    if (samples.length === 0) return NONE;
    const { min, max } = spread(samples);
    return `${shown(min)}..${shown(max)}`;
  };
}

function timesRaw(metric: Metric): Cell {
  return (row, all) => {
    const raw = all.find(({ system }) => system === 'raw');
    if (!raw) return NONE;
    const ratio = pairedRatio(samplesOf(row, metric), samplesOf(raw, metric));
    return ratio >= 0.1 ? ratio.toFixed(2) : ratio.toPrecision(2);
  };
}

function whole(n: number): string {
  return Math.round(n).toLocaleString('en');
}
