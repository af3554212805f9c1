import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { RunResult } from '../result.js';
import { judge } from '../targets.js';
import { runReport } from './markdown.js';

const RESULTS = new URL('../../results/', import.meta.url);
const COMPLETE = 'cache-complete';

/** Writes `<date>-<what was run>.json` and `.md`; gives their paths. */
export async function writeResults(result: RunResult): Promise<string[]> {
  const name = `${result.machine.date.slice(0, 10)}-${result.complete ? COMPLETE : partOf(result)}`;
  await mkdir(RESULTS, { recursive: true });
  const files = [
    [`${name}.json`, JSON.stringify(result, rounded, 1)],
    [`${name}.md`, runReport(result, judge(result.scenarios))],
  ] as const;
  for (const [file, content] of files) await writeFile(new URL(file, RESULTS), `${content}\n`);
  return files.map(([file]) => fileURLToPath(new URL(file, RESULTS)));
}

/** @throws Error when there is none */
export async function newestComplete(): Promise<RunResult> {
  const names = await readdir(RESULTS).catch((): string[] => []);
  const newest = names
    .filter((name) => name.endsWith(`${COMPLETE}.json`))
    .toSorted()
    .at(-1);
  if (newest === undefined) throw new Error('there are no complete results yet: run without arguments first');
  return JSON.parse(await readFile(new URL(newest, RESULTS), 'utf8')) as RunResult;
}

function partOf({ scenarios }: RunResult): string {
  const ids = scenarios.map(({ id }) => id);
  return `cache-part-${ids.length > 3 ? `${ids.length}-scenarios` : ids.join('+')}`;
}

/** Six digits say more than a benchmark knows. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
