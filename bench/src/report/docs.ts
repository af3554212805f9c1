import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import type { Reporting } from '../benchmark.js';
import type { Row, RunResult } from '../result.js';
import { machineReport, scenarioReport, targetsReport } from './markdown.js';

const PAGE = new URL('../../../docs/benchmarks.md', import.meta.url);
const CHART = new URL('../../../docs/benchmarks.svg', import.meta.url);
const END = '<!-- figures: end -->';

/** Puts the figures of a complete run between the markers of the page, and draws its chart; gives their paths. */
export async function writeDocs<R extends Row>(
  reporting: Reporting<R>,
  result: RunResult<R>,
): Promise<string[]> {
  const begin = `<!-- figures: begin, written by npm run bench:${reporting.name} -->`;
  const page = await readFile(PAGE, 'utf8');
  const before = page.indexOf(begin);
  const after = page.indexOf(END, before);
  if (before === -1 || after === -1) throw new Error(`docs/benchmarks.md has no ${begin} … ${END}`);
  const heading = '#'.repeat(reporting.depth);
  const figures = [
    machineReport(result),
    `${heading} Targets`,
    targetsReport(reporting.judge(result.scenarios)),
    ...result.scenarios.map((scenario) => scenarioReport(reporting, scenario, heading)),
  ].join('\n\n');
  const text = `${page.slice(0, before)}${begin}\n\n${figures}\n\n${page.slice(after)}`;
  const path = fileURLToPath(PAGE);
  await writeFile(PAGE, await format(text, { ...(await resolveConfig(path)), filepath: path }));
  if (!reporting.chart) return [path];
  await writeFile(CHART, reporting.chart(result));
  return [path, fileURLToPath(CHART)];
}
