import { spread } from '../harness/statistics.js';
import { nameOf, samplesOf, type Metric, type Row, type RunResult, type ScenarioResult } from './result.js';

/** What is drawn, each in a panel with a scale of its own that begins at nothing. */
const PANELS: readonly { id: string; metric: Metric; unit: string; better: string; title?: string }[] = [
  { id: 'l1-shared', metric: 'opsPerSecond', unit: '/s', better: 'more' },
  { id: 'l1-isolated', metric: 'opsPerSecond', unit: '/s', better: 'more' },
  { id: 'l2-sequential', metric: 'opsPerSecond', unit: '/s', better: 'more' },
  { id: 'l2-in-flight', metric: 'opsPerSecond', unit: '/s', better: 'more' },
  { id: 'set-l2', metric: 'opsPerSecond', unit: '/s', better: 'more' },
  { id: 'invalidate-1e5', metric: 'invalidateMs', unit: ' ms', better: 'less' },
  { id: 'invalidate-1e5', metric: 'readsMs', unit: ' ms', better: 'less', title: '1,000 reads after it' },
  { id: 'stampede', metric: 'factoryRuns', unit: ' runs', better: 'less' },
];

const MARGIN = 16;
const COLUMN = 530;
const GAP = 30;
const WIDTH = 2 * MARGIN + 2 * COLUMN + GAP;
const LABELS = 250;
const BARS = COLUMN - LABELS - 70;
const LINE = 20;
const HEAD = 34;
const COLOURS = { flora: '#c2255c', raw: '#868e96', other: '#74a9cf' };

/** The medians of a run as bars, without the rows that are too unlike; plain SVG, readable on white and on black. */
export function chart({ scenarios, machine }: RunResult): string {
  const columns: [string[], string[]] = [[], []];
  const heights: [number, number] = [44, 44];
  for (const panel of PANELS) {
    const scenario = scenarios.find(({ id }) => id === panel.id);
    if (!scenario) continue;
    const column = heights[0] <= heights[1] ? 0 : 1;
    const drawn = panelOf(scenario, panel, MARGIN + column * (COLUMN + GAP), heights[column]);
    columns[column].push(drawn.svg);
    heights[column] += drawn.height + 18;
  }
  const height = Math.max(...heights);
  const date = machine.date.slice(0, 10);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>Medians of the cache benchmark</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${MARGIN}" y="24" fill="#495057">Medians, ${date}, Node ${escaped(machine.node)}, Redis ${escaped(machine.redis ?? '')}. Each panel has a scale of its own.</text>
${columns.flat().join('\n')}
</svg>
`;
}

function panelOf(
  scenario: ScenarioResult,
  { metric, unit, better, title = scenario.title }: (typeof PANELS)[number],
  x: number,
  y: number,
): { svg: string; height: number } {
  const bars = scenario.rows.flatMap((row) => {
    const samples = samplesOf(row, metric);
    return row.aside || samples.length === 0 ? [] : [{ row, value: spread(samples).median }];
  });
  const most = Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ row, value }, n) => bar(row, value, value / most, unit, y + HEAD + n * LINE));
  const heading = `<text y="${y + 18}" font-size="14" font-weight="600" fill="#212529">${escaped(title)} <tspan font-weight="400" fill="#868e96">${better} is better</tspan></text>`;
  return {
    svg: `<g transform="translate(${x} 0)">\n${[heading, ...lines].join('\n')}\n</g>`,
    height: HEAD + bars.length * LINE,
  };
}

function bar(row: Row, value: number, share: number, unit: string, y: number): string {
  const { system } = row;
  const fill = system === 'flora' || system === 'raw' ? COLOURS[system] : COLOURS.other;
  const width = Math.max(1, share * BARS).toFixed(1);
  const weight = system === 'flora' ? ' font-weight="600"' : '';
  return [
    `<text x="${LABELS - 8}" y="${y + 13}" text-anchor="end" fill="#343a40" font-size="11"${weight}>${escaped(shortened(nameOf(row)))}</text>`,
    `<rect x="${LABELS}" y="${y + 3}" width="${width}" height="${LINE - 6}" rx="2" fill="${fill}"/>`,
    `<text x="${(LABELS + Number(width) + 6).toFixed(1)}" y="${y + 13}" fill="#495057" font-size="11">${shownFigure(value, unit)}</text>`,
  ].join('');
}

const shortened = (name: string): string => (name.length > 40 ? `${name.slice(0, 39)}…` : name);

function shownFigure(value: number, unit: string): string {
  if (unit === ' ms' && value >= 1e3) return `${shownNumber(value / 1e3)} s`;
  return `${shownNumber(value)}${unit === ' runs' && value === 1 ? ' run' : unit}`;
}

function shownNumber(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (value >= 1e3) return `${(value / 1e3).toPrecision(3)} k`;
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(3);
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
