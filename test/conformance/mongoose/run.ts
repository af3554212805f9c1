// `npm run test:mongoose-suite [-- --mode cached] [test/query.test.js …]`: Mongoose's own tests, as they are, with
// the plugin registered, and with every read answered by the cache. What passes without the plugin has to pass
// with it, but for the tests that are named with a reason. The modes run beside each other, for some minutes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setup as build } from '../../servers/build.js';
import { checkOut } from './checkout.js';
import { compare } from './comparison.js';
import { REASONS } from './reasons.js';
import { MODES, type Mode, type Outcome, runSuite } from './suite-run.js';

const { values, positionals: files } = parseArgs({
  options: { mode: { type: 'string', multiple: true } },
  allowPositionals: true,
});
const asked = values.mode ?? MODES;
const wrong = asked.find((mode) => !(MODES as readonly string[]).includes(mode));
if (wrong !== undefined) throw new Error(`--mode ${wrong}: expected ${MODES.join(', ')}`);

await build();
const folder = await mkdtemp(join(tmpdir(), 'mongoose-suite-'));
let isWell = true;
try {
  const suite = await checkOut(join(folder, 'mongoose'));
  console.log(`Mongoose ${suite.version}, tests of ${suite.tag}`);
  const modes = MODES.filter((mode) => mode === 'baseline' || asked.includes(mode));
  const runs = await Promise.allSettled(modes.map(run));
  const died = runs.find((one) => one.status === 'rejected');
  if (died) throw died.reason;
  const [baseline, ...others] = runs.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (!baseline) throw new Error('nothing was run');
  tell(baseline);
  for (const [name, message] of baseline.failed) console.log(`  fails by itself: ${name}\n    ${message}`);
  for (const outcome of others) {
    tell(outcome);
    report(baseline, outcome);
  }

  async function run(mode: Mode): Promise<Outcome> {
    const since = performance.now();
    const outcome = await runSuite(suite, mode, files);
    console.log(`${mode} is through, after ${Math.round((performance.now() - since) / 1_000)} s`);
    return outcome;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = isWell ? 0 : 1;

function tell({ mode, totals, unsteady, counts }: Outcome): void {
  console.log(`\n${mode}: ${totals.passed} passed, ${totals.failed} failed, ${totals.pending} pending`);
  for (const name of unsteady) console.log(`  at the second try only: ${name}`);
  if (!counts || counts.reads === 0) return;
  const { reads, hits, misses } = counts;
  console.log(`  ${reads} reads, asked twice each: ${hits.memory + hits.redis} hits, ${misses} misses`);
}

function report(baseline: Outcome, outcome: Outcome): void {
  const reasons = outcome.mode === 'attached' ? {} : REASONS;
  const { unexpected, expected, recovered } = compare(baseline, outcome, reasons);
  console.log(
    `  new failures: ${unexpected.size + expected.length}, of which ${expected.length} are expected`,
  );
  for (const [name, message] of unexpected) console.log(`  NEW FAILURE ${name}\n    ${message}`);
  for (const name of recovered) console.log(`  listed, and passed: ${name}`);
  if (unexpected.size > 0) isWell = false;
}
