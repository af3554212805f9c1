import type { INestApplication, LogLevel } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import type { Configuration } from './configuration.js';
import { withoutDatabase } from './database-check.js';
import { FloraModule, type Start } from './flora.module.js';
import { describeApi } from './open-api.js';
import type { Servers } from './servers/bring-servers.js';
import { SeedService } from './seed/seed.service.js';
import type { ShopSize } from './seed/shop-data.js';

/** The shop, open for visitors. */
export interface Shop {
  url: string;
  app: INestApplication;
  /** What an empty database was filled with, undefined if it was not empty. */
  seeded: ShopSize | undefined;
  adminToken: string;
  close(): Promise<void>;
}

/**
 * A start on the servers that were found or brought; what `variables` says comes before them.
 *
 * @throws DatabaseCheckError when there is no MongoDB
 */
export function onServers({ mongo, redis, tools }: Servers, variables: Start['variables'] = {}): Start {
  if (mongo.at === undefined) throw withoutDatabase();
  return {
    variables: {
      MONGO_URI: mongo.at,
      ...(redis.at !== undefined && { REDIS_URL: redis.at }),
      ...(tools.at !== undefined && { MONGO_TOOLS_DIR: tools.at }),
      ...variables,
    },
    withoutRedis: redis.at === undefined,
  };
}

/**
 * Makes the application, fills an empty database, and listens. Where that fails, nothing is left open.
 *
 * @throws EnvironmentError, DatabaseCheckError, or an error with the code EADDRINUSE when the port is taken
 */
export async function openShop(start: Start = {}, logger: LogLevel[] = ['warn', 'error']): Promise<Shop> {
  const app = await NestFactory.create(await FloraModule.start(start), {
    // Until it is made, what goes wrong is thrown, and told by who opens the shop.
    logger: false,
    abortOnError: false,
    // Browsers keep connections open: closing does not wait for them.
    forceCloseConnections: true,
  });
  try {
    app.useLogger(logger);
    const config = app.get<ConfigService<Configuration, true>>(ConfigService);
    describeApi(app);
    await app.init();
    const seeded = await app.get(SeedService).fillEmptyDatabase();
    const host = config.get('HOST', { infer: true });
    await app.listen(config.get('PORT', { infer: true }), host);
    const { port } = app.getHttpServer().address() as { port: number };
    const adminToken = config.get('ADMIN_TOKEN', { infer: true });
    return { url: `http://${host}:${port}`, app, seeded, adminToken, close: () => app.close() };
  } catch (error) {
    await app.close();
    throw error;
  }
}
