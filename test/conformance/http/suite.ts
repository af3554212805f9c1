import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

const PUBLIC_SUITE = 'https://github.com/http-tests/cache-tests.git';
/** The state of the suite that expected.ts is about. */
export const SUITE_COMMIT = 'b55b8bd';
const FOLDER = join(homedir(), '.cache', 'flora-shop', 'http-cache-tests');
const CLIENT = fileURLToPath(new URL('client.mjs', import.meta.url));

export type Kind = 'required' | 'optimal' | 'check';

export interface Result {
  id: string;
  kind: Kind;
  /** The suite's word: `pass` and `yes` are good, `dependency_fail` follows another failure. */
  verdict: string;
  story?: string;
}

export const isGood = ({ verdict }: Result): boolean => verdict === 'pass' || verdict === 'yes';

/** The folder of the suite, if it is on this machine: HTTP_CACHE_TESTS as a folder, or where it was fetched to. */
export function suiteAtHand(): string | undefined {
  const given = process.env.HTTP_CACHE_TESTS;
  return [given && resolve(given), join(FOLDER, 'suite')].find(
    (folder) => folder && existsSync(join(folder, 'test-engine', 'cli.mjs')),
  );
}

/** The suite's folder; it is fetched if need be, from HTTP_CACHE_TESTS (a git URL or path) or its public place. */
export async function fetchSuite(log: (line: string) => void): Promise<string> {
  const known = suiteAtHand();
  if (known !== undefined) return known;
  const source = process.env.HTTP_CACHE_TESTS ?? PUBLIC_SUITE;
  log(`fetching the suite from ${source}`);
  await mkdir(FOLDER, { recursive: true });
  const folder = join(FOLDER, 'suite');
  await execa('git', ['clone', '--quiet', source, folder]).catch((error: unknown) => {
    throw new Error(`The suite can't be had from ${source}; name a folder or git path in HTTP_CACHE_TESTS.`, {
      cause: error,
    });
  });
  await execa('git', ['-C', folder, 'checkout', '--quiet', SUITE_COMMIT]);
  // Four of its tests need undici; the suite's other packages are for its web pages.
  await execa('npm', ['install', '--prefix', FOLDER, '--no-audit', '--no-fund', 'undici@7']);
  return folder;
}

/** The suite's origin server on a free port. */
export async function startOrigin(suite: string): Promise<{ url: URL; stop: () => void }> {
  const port = await freePort();
  const server = spawn(process.execPath, ['test-engine/server/server.mjs'], {
    cwd: suite,
    env: {
      ...process.env,
      npm_config_protocol: 'http',
      npm_config_port: String(port),
      npm_config_pidfile: join(tmpdir(), `http-cache-tests-${port}.pid`),
    },
    stdio: 'ignore',
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  for (let tries = 0; ; tries += 1) {
    try {
      await fetch(url);
      return { url, stop: () => server.kill() };
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(50);
    }
  }
}

/** Runs the tests against a base URL; `tell` is given the whole story of one test. */
export async function runSuite(
  suite: string,
  baseUrl: string,
  only = '',
  tell: (story: string) => void = () => {},
): Promise<Result[]> {
  const { stdout, stderr } = await execa(process.execPath, ['--no-warnings', CLIENT, suite, baseUrl, only]);
  if (only !== '') tell(`${stderr}\n`);
  return JSON.parse(stdout) as Result[];
}

/**
 * The same for all tests, and once more, each by itself, for those that fail though they are not known to: they run
 * by the clock, a hundred at once, and are given up by their client after a while. A busy machine is no answer.
 */
export async function runSuiteCalmly(
  suite: string,
  baseUrl: string,
  known: (id: string) => boolean,
): Promise<Result[]> {
  const results = await runSuite(suite, baseUrl);
  for (const { id } of failuresOf(results).filter((failure) => !known(failure.id))) {
    const [again] = await runSuite(suite, baseUrl, id);
    if (again) results[results.findIndex((result) => result.id === id)] = again;
  }
  return results;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** `required 159 of 160`. */
export function countOf(results: readonly Result[], kind: Kind): string {
  const ofKind = results.filter((result) => result.kind === kind);
  return `${kind} ${ofKind.filter(isGood).length} of ${ofKind.length}`;
}

/** What fails of that which a cache has to do, or should do; `check` only asks what it does. */
export const failuresOf = (results: readonly Result[]): Result[] =>
  results.filter((result) => result.kind !== 'check' && !isGood(result));
