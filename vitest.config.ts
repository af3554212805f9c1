import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { compiledThreads } from './test/servers/compiled-threads.js';

interface Needs {
  /** Milliseconds for one test or hook. */
  timeout: number;
  servers?: boolean;
  build?: boolean;
  /** Concurrent tests of one file. */
  atOnce?: number;
}

const project = (name: string, { timeout, servers = false, build = false, atOnce = 5 }: Needs) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    maxConcurrency: atOnce,
    globalSetup: [
      ...(servers ? ['test/servers/global-setup.ts'] : []),
      ...(build ? ['test/servers/build.ts'] : []),
    ],
  },
});

/** What is promised of queries, by Mongoose 8: the same tests. Nest's own module brings the Mongoose it knows. */
const mongoose8 = (({ test, ...all }) => ({
  ...all,
  resolve: { alias: [{ find: /^mongoose$/, replacement: 'mongoose-8' }] },
  test: { ...test, include: ['test/integration/mongoose/**/*.test.ts'], exclude: ['**/nest.test.ts'] },
}))(project('mongoose-8', { timeout: 60_000, servers: true }));

export default defineConfig({
  plugins: [compiledThreads()],
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    setupFiles: ['reflect-metadata'],
    // Tests wait (for ends of time, servers, processes) more than they compute: one file a core leaves cores idle.
    maxWorkers: Math.max(3, availableParallelism()),
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
    projects: [
      project('unit', { timeout: 10_000 }),
      mongoose8,
      project('contract', { timeout: 30_000, servers: true }),
      project('integration', { timeout: 60_000, servers: true }),
      project('fault', { timeout: 120_000, servers: true, atOnce: 3 }),
      project('e2e', { timeout: 120_000, servers: true, build: true }),
      project('package', { timeout: 300_000, servers: true, build: true }),
    ],
  },
});
