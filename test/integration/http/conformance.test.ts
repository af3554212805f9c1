import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXPECTED_FAILURES } from '../../conformance/http/expected.js';
import { startProxy } from '../../conformance/http/proxy.js';
import { failuresOf, fetchSuite, runSuiteCalmly, startOrigin } from '../../conformance/http/suite.js';
import { PLATFORMS } from './fixtures.js';

const source = process.env.HTTP_CACHE_TESTS;
const title = 'Conformance with RFC 9111, by http-tests/cache-tests';

// Its tests wait for answers to become stale by the clock: it runs where it is asked for.
describe.skipIf(!source)(`${title}, where HTTP_CACHE_TESTS names it`, () => {
  let suite: string;
  let origin: Awaited<ReturnType<typeof startOrigin>>;
  beforeAll(async () => {
    suite = await fetchSuite(() => {});
    origin = await startOrigin(suite);
  });
  afterAll(() => origin.stop());

  it.each(PLATFORMS)(
    'on %s nothing fails but what is known to fail',
    { timeout: 600_000 },
    async (platform) => {
      const proxy = await startProxy(platform, origin.url);
      const isKnown = (id: string): boolean => id in EXPECTED_FAILURES;
      const results = await runSuiteCalmly(suite, proxy.url, isKnown).finally(() => proxy.close());
      const failed = failuresOf(results).map(({ id }) => id);
      expect(failed.sort()).toEqual(Object.keys(EXPECTED_FAILURES).sort());
      expect(results).toHaveLength(365);
    },
  );
});
