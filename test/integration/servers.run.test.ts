import { execa } from 'execa';
import mongoose from 'mongoose';
import { createClient } from 'redis';
import { expect, it } from 'vitest';
import { describeWith, mongo, redis } from '../servers/index.js';

interface Report {
  numPassedTests: number;
  numPendingTests: number;
  testResults: { assertionResults: { fullName: string; status: string }[] }[];
}

async function runTests(env: Record<string, string>): Promise<{ report: Report; output: string }> {
  const args = ['vitest', 'run', '--config', 'test/servers/fixtures/vitest.config.ts', '--reporter', 'json'];
  const { stdout } = await execa('npx', args, { env, reject: false });
  const start = stdout.indexOf('{"numTotal');
  return { report: JSON.parse(stdout.slice(start)) as Report, output: stdout.slice(0, start) };
}

describeWith(['mongo', 'redis'], 'a run of the tests', () => {
  it('uses the servers that are named, shares them among its projects, and removes its traces', async () => {
    const [mongoUri, redisUrl] = [mongo(), redis().url];
    const { report, output } = await runTests({
      MONGO_URI: mongoUri,
      REDIS_URL: redisUrl,
      MONGO_TOOLS_DIR: '/nowhere',
    });

    expect(output).toMatch(/^MongoDB at mongodb:.*\(MONGO_URI\)$/m);
    expect(output).toMatch(/^Redis at redis:.*\(REDIS_URL\)$/m);
    const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
    const runs = new Set(tests.flatMap(({ fullName }) => /the run (\w+)/.exec(fullName)?.[1] ?? []));
    expect([report.numPassedTests, runs.size]).toEqual([4, 1]);
    const [run] = runs;

    const mongoClient = await mongoose.mongo.MongoClient.connect(mongoUri);
    const { databases } = await mongoClient.db().admin().listDatabases({ nameOnly: true });
    expect(databases.filter(({ name }) => name.includes(run!))).toEqual([]);
    await mongoClient.close();
    const redisClient = await createClient({ url: redisUrl }).connect();
    expect(await redisClient.keys(`*${run}*`)).toEqual([]);
    redisClient.destroy();
  });

  it('reports tests whose tools are missing as skipped, with the reason', async () => {
    const { report } = await runTests({
      MONGO_URI: mongo(),
      REDIS_URL: redis().url,
      MONGO_TOOLS_DIR: '/nowhere',
    });
    const skipped = report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status !== 'passed');
    expect(skipped).toHaveLength(2);
    for (const { fullName, status } of skipped) {
      expect(status).toBe('skipped');
      expect(fullName).toMatch(
        /with tools \[skipped: MongoDB tools can't be had \(MONGO_TOOLS_DIR: .*has tools/,
      );
    }
  });
});
