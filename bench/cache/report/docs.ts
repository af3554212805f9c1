import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import type { RunResult } from '../result.js';
import { judge } from '../targets.js';
import { chart } from './chart.js';
import { machineReport, scenarioReport, targetsReport } from './markdown.js';

const PAGE = new URL('../../../docs/benchmarks.md', import.meta.url);
const CHART = new URL('../../../docs/benchmarks.svg', import.meta.url);
const [BEGIN, END] = ['<!-- figures: begin, written by npm run bench:cache -->', '<!-- figures: end -->'];

/** Puts the figures of a complete run between the markers of the page, and draws its chart; gives their paths. */
export async function writeDocs(result: RunResult): Promise<string[]> {
  const page = await readFile(PAGE, 'utf8');
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after < before) throw new Error(`docs/benchmarks.md has no ${BEGIN} … ${END}`);
  const figures = [
    machineReport(result),
    '### Targets',
    targetsReport(judge(result.scenarios)),
    ...result.scenarios.map((scenario) => `#${scenarioReport(scenario)}`),
  ].join('\n\n');
  const text = `${page.slice(0, before)}${BEGIN}\n\n${figures}\n\n${page.slice(after)}`;
  const path = fileURLToPath(PAGE);
  await writeFile(PAGE, await format(text, { ...(await resolveConfig(path)), filepath: path }));
  await writeFile(CHART, chart(result));
  return [path, fileURLToPath(CHART)];
}
