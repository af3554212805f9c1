// `npm run test:http-conformance -- [express|fastify] [--id freshness-max-age] [--all]`: runs the suite against both
// platforms, or one. Ends with 1 when what fails is not what expected.ts says.
import { parseArgs } from 'node:util';
import { PLATFORMS, startProxy, type Platform } from './proxy.js';
import { fetchSuite, isGood, runSuite, startOrigin, type Kind } from './suite.js';

const { values, positionals } = parseArgs({
  options: { id: { type: 'string' }, all: { type: 'boolean' } },
  allowPositionals: true,
});
const platforms = positionals.length > 0 ? (positionals as Platform[]) : PLATFORMS;
const suite = await fetchSuite(console.error);
const origin = await startOrigin(suite);
try {
  for (const platform of platforms) {
    const proxy = await startProxy(platform, origin.url);
    const results = await runSuite(suite, proxy.url, values.id).finally(() => proxy.close());
    const count = (kind: Kind) => {
      const ofKind = results.filter((result) => result.kind === kind);
      return `${kind} ${ofKind.filter(isGood).length} of ${ofKind.length}`;
    };
    console.log(`${platform}: ${count('required')}, ${count('optimal')}, ${count('check')}`);
    for (const result of results)
      if (!isGood(result) && (values.all || result.kind !== 'check'))
        console.log(`  ${result.kind.padEnd(8)} ${result.id}: ${result.verdict}; ${result.story ?? ''}`);
  }
} finally {
  origin.stop();
}
process.exit(0);
