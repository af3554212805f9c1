import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import type { BenchServers, NamedSystem } from './benchmark.js';
import type { Machine } from './result.js';

const BENCH = new URL('../', import.meta.url);
const ROOT = new URL('../../', import.meta.url);

/** Where and on what a run was made: all that one needs to judge it. */
export function machine(
  systems: readonly NamedSystem[],
  { programs = {}, ...servers }: BenchServers['versions'],
): Machine {
  const packages = [...new Set(systems.flatMap(({ packages }) => packages))].toSorted();
  const { name, version } = manifest(new URL('package.json', ROOT));
  return {
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: cpus().length,
    platform: `${platform()} ${arch()}`,
    ...servers,
    measured: `${name} ${version}${commit()}`,
    versions: Object.fromEntries([
      ...packages.map((name) => [
        name,
        manifest(new URL(`node_modules/${name}/package.json`, BENCH)).version,
      ]),
      ...(servers.redis
        ? [['redis (of flora)', manifest(new URL('node_modules/redis/package.json', ROOT)).version] as const]
        : []),
      ...Object.entries(programs),
    ]),
  };
}

const manifest = (url: URL): { name: string; version: string } =>
  JSON.parse(readFileSync(url, 'utf8')) as { name: string; version: string };

const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

/** Empty where there is no repository. */
function commit(): string {
  try {
    const changed = git('status', '--porcelain', '--', 'src') === '' ? '' : ', changed since';
    return ` at ${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return '';
  }
}
