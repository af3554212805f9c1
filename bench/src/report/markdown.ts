import type { Column, Reporting } from '../benchmark.js';
import { nameOf, type Row, type RunResult, type ScenarioResult, type Verdict } from '../result.js';
import { NONE } from './cells.js';

export function runReport<R extends Row>(reporting: Reporting<R>, result: RunResult<R>): string {
  return [
    `# ${reporting.title}`,
    machineReport(result),
    '## Targets',
    targetsReport(reporting.judge(result.scenarios)),
    ...result.scenarios.map((scenario) => scenarioReport(reporting, scenario)),
  ].join('\n\n');
}

export function machineReport<R extends Row>({ machine, pace, complete }: RunResult<R>): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const { date, measured, node, redis, mongodb, cpu, cores, platform } = machine;
  const servers = [...(redis ? [`Redis ${redis}`] : []), ...(mongodb ? [`MongoDB ${mongodb}`] : [])].join(
    ' and ',
  );
  return [
    `- ${date.slice(0, 10)}, ${measured}${complete ? '' : '; not a complete run'}`,
    `- Node ${node}, ${servers} on loopback, ${cpu}, ${cores} cores, ${platform}`,
    `- ${pace.rounds} rounds, slots of ${pace.ms} ms, medians`,
    `- ${versions.join(', ')}`,
  ].join('\n');
}

export function scenarioReport<R extends Row>(
  { columns }: Reporting<R>,
  { kind, title, how, rows, leftOut, load, rounds }: ScenarioResult<R>,
  heading = '##',
): string {
  const shown: Column<R>[] = [
    ['system', nameOf],
    ...(columns[kind] ?? []),
    ['differs', ({ differs }) => differs.join('; ') || NONE],
  ];
  const notes = [
    `${how} Load average ${load[0]} before, ${load[1]} after; ${rounds} ${rounds === 1 ? 'round' : 'rounds'}.`,
    ...leftOut.map(({ name, reason }) => `Left out: **${name}**, it ${reason}.`),
  ];
  const cells = rows.map((row) => shown.map(([, cell]) => cell(row, rows)));
  return [
    `${heading} ${title}`,
    table(
      shown.map(([title]) => title),
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
