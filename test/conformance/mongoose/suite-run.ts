import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { execa } from 'execa';
import { findMongod, findRedisServer } from '../../../src/flora/servers/resolve.js';
import { startMongod } from '../../../src/flora/servers/mongod.js';
import { startRedisServer } from '../../../src/flora/servers/redis-server.js';
import type { Suite } from './checkout.js';

/** Without the plugin; registered and unused; every read marked, and answered by the cache, also by Redis alone. */
export const MODES = ['baseline', 'attached', 'cached', 'cached-redis'] as const;
export type Mode = (typeof MODES)[number];

export interface Outcome {
  mode: Mode;
  passed: Set<string>;
  /** With the message of the error. */
  failed: Map<string, string>;
  /** Of tests; several may have one name. */
  totals: { passed: number; failed: number; pending: number };
  /** Passed, but not at once. */
  unsteady: string[];
  /** What the cache did. */
  counts?: Counts;
}

interface Counts {
  reads: number;
  hits: { memory: number; redis: number; flight: number };
  misses: number;
}

interface MochaTest {
  fullTitle: string;
  file: string | null;
  currentRetry?: number;
  err: { message?: string };
}
interface MochaReport {
  passes: MochaTest[];
  failures: MochaTest[];
  pending: MochaTest[];
}

const TIMEOUT = 30_000;
/** More than any run takes: what hangs has to end. */
const LONGEST = 90 * 60_000;

/** Runs Mongoose's tests, or those of some files, against servers of their own. */
export async function runSuite(suite: Suite, mode: Mode, files: readonly string[]): Promise<Outcome> {
  const mongod = await startMongod(await findMongod(), { args: ['--setParameter', 'ttlMonitorSleepSecs=1'] });
  const redis = await startRedisServer(await findRedisServer());
  const report = join(suite.folder, `report-${mode}.json`);
  const countsFile = join(suite.folder, `counts-${mode}.json`);
  const preload = mode === 'baseline' ? [] : ['--require', join(import.meta.dirname, 'preload.mjs')];
  const retries = ['--timeout', String(TIMEOUT), '--retries', '1'];
  const reporting = ['--reporter', 'json', '--reporter-option', `output=${report}`];
  const tests =
    files.length > 0 ? files : ['--ignore', 'test/encryption/**/*.test.js', './test/**/*.test.js'];
  try {
    // Not by its command, which starts another process for the options of node.
    const mocha = [
      '--disable-warning=MONGOOSE',
      join('node_modules', 'mocha', 'lib', 'cli', 'cli.js'),
      '--exit',
    ];
    const run = await execa(process.execPath, [...mocha, ...preload, ...retries, ...reporting, ...tests], {
      cwd: suite.folder,
      env: {
        MONGOOSE_TEST_URI: mongod.url,
        MONGOOSE_REPLSET_URI: mongod.url,
        START_REPLICA_SET: '1',
        SUITE_MODE: mode,
        SUITE_REDIS: redis.url,
        SUITE_COUNTS: countsFile,
      },
      all: true,
      reject: false,
      timeout: LONGEST,
      stdin: 'ignore',
    });
    const text = await readFile(report, 'utf8').catch(() => {
      throw new Error(`The run "${mode}" died before its end:\n${run.all.slice(-4_000)}`);
    });
    const counts = await readFile(countsFile, 'utf8').catch(() => undefined);
    return {
      ...outcome(mode, JSON.parse(text) as MochaReport, suite.folder),
      ...(counts !== undefined && { counts: JSON.parse(counts) as Counts }),
    };
  } finally {
    await Promise.all([mongod.stop(), redis.stop()]);
  }
}

function outcome(mode: Mode, { passes, failures, pending }: MochaReport, folder: string): Outcome {
  const named = namesIn(folder);
  const failed = new Map(failures.map((test) => [named(test), test.err.message ?? '']));
  const names = passes.map((test) => ({ name: named(test), retried: (test.currentRetry ?? 0) > 0 }));
  return {
    mode,
    failed,
    passed: new Set(names.map(({ name }) => name).filter((name) => !failed.has(name))),
    totals: { passed: passes.length, failed: failures.length, pending: pending.length },
    unsteady: names.filter(({ retried }) => retried).map(({ name }) => name),
  };
}

function namesIn(folder: string): (test: MochaTest) => string {
  return ({ file, fullTitle }) => `${file ? relative(join(folder, 'test'), file) : 'hooks'}: ${fullTitle}`;
}
