// `node client.mjs <suite> <base url> [id]`: runs the tests of the suite and writes their results as JSON to stdout.
// A process of its own for each run: the suite keeps its state in modules.
import { pathToFileURL } from 'node:url';

const [suite, baseUrl, only] = process.argv.slice(2);
const from = (path) => import(new URL(path, pathToFileURL(`${suite}/`)).href);

const { runTests, getResults } = await from('test-engine/client/runner.mjs');
const { determineTestResult, resultTypes } = await from('test-engine/lib/results.mjs');
const { default: groups } = await from('tests/index.mjs');

// What the suite logs goes where it does not get between the results.
console.log = console.error;
/** Tests that begin at once: nearly all of the time is spent in waiting for answers to become stale. */
const AT_ONCE = 100;
const chosen = groups.map((group) => ({
  ...group,
  tests: group.tests
    .filter((test) => !only || test.id === only)
    .map((test) => ({ ...test, dump: Boolean(only) })),
}));
await runTests(chosen, false, baseUrl, AT_ONCE);

const raw = getResults();
const nameOf = new Map(Object.entries(resultTypes).map(([name, type]) => [type, name]));
const results = chosen
  .flatMap(({ tests }) => tests)
  .filter(({ id }) => id in raw)
  .map(({ id, kind = 'required' }) => {
    const verdict = nameOf.get(determineTestResult(groups, id, raw, !only));
    return { id, kind, verdict, story: raw[id] === true ? undefined : raw[id].join(': ') };
  });
process.stdout.write(JSON.stringify(results));
