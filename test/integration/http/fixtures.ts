import { Readable } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { INestApplication, Type } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { ModuleMetadata } from '@nestjs/common';
import { CacheModule } from '../../../src/cache/cache.module.js';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { CacheService } from '../../../src/cache/cache.service.js';

export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  text: string;
  /** What Cache-Status says: `hit`, `uri-miss; stored`, `bypass; detail=cookie`. */
  cache: string | undefined;
}

export interface Asked {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string;
}

export interface Running {
  app: INestApplication;
  cache: CacheService;
  url: string;
  ask: (path: string, options?: Asked) => Promise<Answer>;
  close: () => Promise<void>;
}

/** A Nest application with the interceptor before every route, listening. Memory only unless told otherwise. */
export async function startApp(
  platform: Platform,
  controllers: Type[],
  more: {
    cache?: CacheModuleOptions;
    metadata?: ModuleMetadata;
    /** Whether the interceptor stands before every route. Default: true. */
    global?: boolean;
    /** Whether all routes are strict. Default: false. */
    strict?: boolean;
    prepare?: (app: INestApplication) => void | Promise<void>;
  } = {},
): Promise<Running> {
  const module = await Test.createTestingModule({
    ...more.metadata,
    imports: [
      CacheModule.forRoot({
        redis: false,
        jitter: 0,
        ...more.cache,
        http: { global: more.global ?? true, strict: more.strict ?? false },
      }),
      ...(more.metadata?.imports ?? []),
    ],
    controllers,
  }).compile();
  const app =
    platform === 'express'
      ? module.createNestApplication({ logger: false })
      : module.createNestApplication(new FastifyAdapter(), { logger: false });
  await more.prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    app,
    cache: app.get(CacheService),
    url: `http://127.0.0.1:${port}`,
    ask: (path, options) => ask(port, path, options),
    close: () => app.close(),
  };
}

/** One request, its answer as it came over the wire. */
export function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method, headers: { host: 'shop.test', ...headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const status = response.headers['cache-status'];
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes,
            text: bytes.toString(),
            cache: typeof status === 'string' ? shortStatus(status) : undefined,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const shortStatus = (field: string): string =>
  field
    .replace(/^flora; /, '')
    .replace(/^fwd=/, '')
    .replace(/^hit;.*$/, 'hit');

/** Bytes in several chunks, some time apart. */
export function slowStream(chunks: readonly Buffer[], failAtEnd = false): Readable {
  return Readable.from(
    (async function* () {
      for (const chunk of chunks) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        yield chunk;
      }
      if (failAtEnd) throw new Error('the source failed');
    })(),
    { objectMode: false },
  );
}
