import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach } from 'vitest';
import { CacheModule, type CacheModuleExtras, type CacheModuleOptions } from '../../../src/index.js';

export const MEMORY: CacheModuleOptions & CacheModuleExtras = { redis: false, jitter: 0 };

const apps: INestApplication[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

/** An application with a cache, and with nothing but what is named. It is closed after the test. */
export async function start(metadata: ModuleMetadata, options = MEMORY): Promise<INestApplication> {
  return startWith({ ...metadata, imports: [CacheModule.forRoot(options), ...(metadata.imports ?? [])] });
}

/** An application that imports its cache by itself. */
export async function startWith(metadata: ModuleMetadata): Promise<INestApplication> {
  const module = await Test.createTestingModule(metadata).compile();
  const app = module.createNestApplication({ logger: false });
  apps.push(app);
  return app.init();
}
