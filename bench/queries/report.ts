import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { groups } from '../../test/conformance/queries/all.js';
import type { Judged } from './judge.js';

export interface Comparison {
  date: string;
  versions: Record<string, string>;
  caches: { name: string; how: string; judged: Judged[] }[];
}

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/mongoose.md');
const BEGIN = '<!-- comparison: begin, written by npm run compare:queries -->';
const END = '<!-- comparison: end -->';

/** Into `bench/results` and between the markers of the page; gives the paths. */
export async function writeComparison(comparison: Comparison): Promise<string[]> {
  const results = join(ROOT, 'bench/results');
  const base = join(results, `${comparison.date.slice(0, 10)}-queries-comparison`);
  await mkdir(results, { recursive: true });
  await writeFile(`${base}.json`, `${JSON.stringify(comparison, undefined, 1)}\n`);
  const report = `# Query caches, case by case\n\n${comparisonReport(comparison)}`;
  await writeFile(`${base}.md`, await pretty(report, `${base}.md`));
  const page = await readFile(PAGE, 'utf8');
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after === -1) throw new Error(`docs/mongoose.md has no ${BEGIN} … ${END}`);
  const seen = `${comparisonTable(comparison)}\n\nCase by case: \`${relative(ROOT, base)}.md\`.`;
  const whole = `${page.slice(0, before)}${BEGIN}\n\n${seen}\n\n${page.slice(after)}`;
  await writeFile(PAGE, await pretty(whole, PAGE));
  return [`${base}.json`, `${base}.md`, PAGE];
}

const pretty = async (text: string, path: string): Promise<string> =>
  format(text, { ...(await resolveConfig(path)), filepath: path });

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const cell = (judged: readonly Judged[]) => {
  const asked = judged.filter(({ outcome }) => outcome === 'kept' || outcome === 'broken');
  return `${asked.filter(({ outcome }) => outcome === 'kept').length} / ${asked.length}`;
};
const of = (judged: readonly Judged[], group: string) => judged.filter((one) => one.group === group);

/** What was compared, and how many cases of how many are kept. */
function comparisonTable({ date, versions, caches }: Comparison): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const table = [
    row(['group', ...caches.map(({ name }) => name)]),
    row(['---', ...caches.map(() => '---:')]),
    ...groups.map(({ name }) => row([name, ...caches.map(({ judged }) => cell(of(judged, name)))])),
    row(['**all**', ...caches.map(({ judged }) => `**${cell(judged)}**`)]),
  ];
  return `Run on ${date.slice(0, 10)} with ${packages.join(', ')}; kept / asked.\n\n${table.join('\n')}`;
}

export function comparisonReport(comparison: Comparison): string {
  const lists = comparison.caches.map(({ name, how, judged }) => {
    const lines = groups.flatMap((group) => {
      const named = (outcome: Judged['outcome']) =>
        of(judged, group.name)
          .filter((one) => one.outcome === outcome)
          .map(({ name }) => escaped(name))
          .join('; ');
      const [broken, notAsked] = [named('broken'), named('not asked')];
      return [
        ...(broken ? [`- ${group.name}: ${broken}`] : []),
        ...(notAsked ? [`- ${group.name}, not asked of these servers: ${notAsked}`] : []),
      ];
    });
    return `**${name}**, ${how}. ${lines.length > 0 ? `Not kept:\n\n${lines.join('\n')}` : 'All are kept.'}`;
  });
  return [comparisonTable(comparison), ...lists].join('\n\n');
}

const escaped = (text: string): string => text.replaceAll(/[$*_<>|[\]]/g, String.raw`\$&`);

const read = (path: string): { version: string } =>
  JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8')) as { version: string };

/** Of what was compared: ours by its commit, peers as `bench` installs them. */
export function versionsOf(peers: readonly string[]): Record<string, string> {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: ROOT,
    encoding: 'utf8',
  }).trim();
  return {
    flora: commit,
    Mongoose: `${read('node_modules/mongoose').version} and ${read('node_modules/mongoose-8').version}`,
    ...Object.fromEntries(peers.map((name) => [name, read(`bench/node_modules/${name}`).version])),
  };
}
