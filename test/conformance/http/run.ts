// `npm run test:http-conformance -- [express|fastify] [--id freshness-max-age] [--all]`: runs the suite against both
// platforms, or one. Ends with 1 when what fails is not what expected.ts says.
import { parseArgs } from 'node:util';
import { EXPECTED_FAILURES } from './expected.js';
import { PLATFORMS, startProxy, type Platform } from './proxy.js';
import { countOf, failuresOf, fetchSuite, isGood, runSuite, runSuiteCalmly, startOrigin } from './suite.js';

const { values, positionals } = parseArgs({
  options: { id: { type: 'string' }, all: { type: 'boolean' } },
  allowPositionals: true,
});
const platforms = positionals.length > 0 ? (positionals as Platform[]) : PLATFORMS;
const suite = await fetchSuite(console.error);
const origin = await startOrigin(suite);
let isAsExpected = true;
try {
  for (const platform of platforms) {
    const proxy = await startProxy(platform, origin.url);
    const isKnown = (id: string): boolean => id in EXPECTED_FAILURES;
    const running = values.id
      ? runSuite(suite, proxy.url, values.id, (story) => process.stderr.write(story))
      : runSuiteCalmly(suite, proxy.url, isKnown);
    const results = await running.finally(() => proxy.close());
    console.log(
      `${platform}: ${(['required', 'optimal', 'check'] as const).map((kind) => countOf(results, kind)).join(', ')}`,
    );
    const shown = values.all ? results.filter((result) => !isGood(result)) : failuresOf(results);
    for (const { id, kind, verdict, story = '' } of shown) {
      const reason = EXPECTED_FAILURES[id] ?? `not expected (${verdict}): ${story}`;
      console.log(`  ${kind.padEnd(8)} ${id}: ${kind === 'check' ? story : reason}`);
    }
    const failed = failuresOf(results).map(({ id }) => id);
    const missing = values.id ? [] : Object.keys(EXPECTED_FAILURES).filter((id) => !failed.includes(id));
    for (const id of missing) console.log(`  ${id} passes: expected.ts says that it fails`);
    if (missing.length > 0 || failed.some((id) => !(id in EXPECTED_FAILURES))) isAsExpected = false;
  }
} finally {
  origin.stop();
}
process.exit(isAsExpected ? 0 : 1);
