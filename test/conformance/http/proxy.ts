import { All, Controller, Req, Res } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import { Module, type INestApplication } from '@nestjs/common';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CacheModule } from '../../../src/cache/cache.module.js';
import { CacheResponse } from '../../../src/cache/http/http-cache.decorators.js';

export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface Proxy {
  url: string;
  close(): Promise<void>;
}

/** What a reverse proxy is: every request goes on to the origin, every answer comes back as it was. */
@Controller()
@CacheResponse({
  freshness: 'response',
  scope: 'public',
  staleIfError: '1h',
  requestDirectives: true,
})
class ProxyController {
  static origin: URL;

  @All('*') forward(@Req() request: RawOr<IncomingMessage>, @Res() response: RawOr<ServerResponse>) {
    // Fastify would end the response when this returns.
    if ('hijack' in response) (response as { hijack: () => void }).hijack();
    forward(ProxyController.origin, request.raw ?? request, response.raw ?? response);
  }
}

type RawOr<T> = T & { raw?: T };

function forward(origin: URL, request: IncomingMessage, response: ServerResponse): void {
  const { hostname, port } = origin;
  const { method, url: path } = request;
  // Set-Cookie, Vary and the like may come as several lines; so they are sent on as several lines.
  const upstream = ask({ hostname, port, method, path, headers: request.headers, agent: false });
  upstream.on('information', ({ statusCode, headers }) => {
    if (statusCode === 102) response.writeProcessing();
    if (statusCode === 103) response.writeEarlyHints(headers as Record<string, string>);
  });
  let isAnswered = false;
  upstream.on('response', (answer) => {
    isAnswered = true;
    response.statusCode = answer.statusCode ?? 502;
    response.statusMessage = answer.statusMessage ?? '';
    for (const [name, values] of linesOf(answer.rawHeaders)) {
      if (PER_CONNECTION.has(name.toLowerCase())) continue;
      if (name.toLowerCase() === 'connection' && values.join() === 'close') continue;
      response.setHeader(name, values.length === 1 ? (values[0] as string) : values);
    }
    answer.pipe(response);
  });
  upstream.on('error', () => {
    if (isAnswered) return;
    response.statusCode = 502;
    response.end('The origin does not answer');
  });
  request.pipe(upstream);
}

/** Node frames each connection by itself. All else is the cache's business, what Connection names included. */
const PER_CONNECTION = new Set(['keep-alive', 'transfer-encoding']);

function linesOf(raw: readonly string[]): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = raw.slice(at, at + 2) as [string, string];
    const known = [...lines.keys()].find((other) => other.toLowerCase() === name.toLowerCase());
    lines.set(known ?? name, [...(lines.get(known ?? name) ?? []), value]);
  }
  return lines;
}

@Module({
  imports: [CacheModule.forRoot({ redis: false, jitter: 0, http: { global: true } })],
  controllers: [ProxyController],
})
class ProxyModule {}

/** The Nest application that the suite is run against: a catch-all route behind the cache, on a free port. */
export async function startProxy(platform: Platform, origin: URL): Promise<Proxy> {
  ProxyController.origin = origin;
  const options = { logger: ['error', 'warn'] as ('error' | 'warn')[], bodyParser: false };
  let app: INestApplication;
  if (platform === 'express') {
    app = await NestFactory.create(ProxyModule, options);
  } else {
    app = await NestFactory.create<NestFastifyApplication>(ProxyModule, fastifyForAnything(), options);
  }
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => app.close() };
}

function fastifyForAnything(): FastifyAdapter {
  const adapter = new FastifyAdapter();
  const instance = adapter.getInstance();
  instance.addHttpMethod('M-SEARCH', { hasBody: true });
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser('*', (_request, _payload, done) => done(null));
  return adapter;
}
