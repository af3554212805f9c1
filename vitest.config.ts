import { defineConfig } from 'vitest/config';

const project = (name: string, options: { servers: boolean; timeout: number }) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: options.timeout,
    hookTimeout: options.timeout,
    ...(options.servers ? { globalSetup: ['test/servers/global-setup.ts'] } : {}),
  },
});

export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    setupFiles: ['reflect-metadata'],
    coverage: { provider: 'v8', include: ['src/**'], reporter: ['text-summary', 'html'] },
    projects: [
      project('unit', { servers: false, timeout: 10_000 }),
      project('contract', { servers: true, timeout: 30_000 }),
      project('integration', { servers: true, timeout: 60_000 }),
      project('e2e', { servers: true, timeout: 120_000 }),
      project('package', { servers: true, timeout: 300_000 }),
    ],
  },
});
