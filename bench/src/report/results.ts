import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Reporting } from '../benchmark.js';
import type { Row, RunResult } from '../result.js';
import { runReport } from './markdown.js';

const RESULTS = new URL('../../results/', import.meta.url);
const COMPLETE = 'complete';

/** Writes `<date>-<what was run>.json` and `.md`; gives their paths. */
export async function writeResults<R extends Row>(
  reporting: Reporting<R>,
  result: RunResult<R>,
): Promise<string[]> {
  const what = result.complete ? COMPLETE : partOf(result);
  const name = `${result.machine.date.slice(0, 10)}-${reporting.name}-${what}`;
  await mkdir(RESULTS, { recursive: true });
  const files = [
    [`${name}.json`, JSON.stringify(result, rounded, 1)],
    [`${name}.md`, runReport(reporting, result)],
  ] as const;
  for (const [file, content] of files) await writeFile(new URL(file, RESULTS), `${content}\n`);
  return files.map(([file]) => fileURLToPath(new URL(file, RESULTS)));
}

/** @throws Error when there is none */
export async function newestComplete<R extends Row>({ name }: Reporting<R>): Promise<RunResult<R>> {
  const names = await readdir(RESULTS).catch((): string[] => []);
  const newest = names
    .filter((file) => file.endsWith(`-${name}-${COMPLETE}.json`))
    .toSorted()
    .at(-1);
  if (newest === undefined) throw new Error('there are no complete results yet: run without arguments first');
  return JSON.parse(await readFile(new URL(newest, RESULTS), 'utf8')) as RunResult<R>;
}

function partOf({ scenarios }: { readonly scenarios: readonly { readonly id: string }[] }): string {
  const ids = scenarios.map(({ id }) => id);
  return `part-${ids.length > 3 ? `${ids.length}-scenarios` : ids.join('+')}`;
}

/** Six digits say more than a benchmark knows. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
