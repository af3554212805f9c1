import {
  Catch,
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  Res,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { catchError, concatMap, from, lastValueFrom, map, of, tap, timeout } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheModule } from '../../../src/cache/cache.module.js';
import { CacheTTL } from '../../../src/cache/http/http-cache.decorators.js';
import { HttpCacheInterceptor } from '../../../src/cache/http/http-cache.interceptor.js';
import { PLATFORMS, startApp, type Running } from './fixtures.js';

interface FastifyInstance {
  addHook(
    name: 'onSend',
    hook: (
      request: { headers: Record<string, string | undefined> },
      reply: { header(name: string, value: string): { removeHeader(name: string): void } },
      payload: unknown,
    ) => Promise<unknown>,
  ): void;
}

interface AnyResponse {
  status(code: number): AnyResponse;
  header(name: string, value: string): unknown;
  send(body: unknown): unknown;
}

let ended = 0;

/** Sets a header when the handler is done, and takes its time for it. */
@Injectable()
class TimingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const response = context.switchToHttp().getResponse<AnyResponse>();
    return next.handle().pipe(
      concatMap((value: unknown) => from(sleep(5, value))),
      tap(() => response.header('X-Timing', String((ended += 1)))),
    );
  }
}

@Injectable()
class EnvelopeInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@Injectable()
class ForbidInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const { headers } = context.switchToHttp().getRequest<IncomingMessage>();
    return next.handle().pipe(
      tap(() => {
        if (headers['x-test-forbid']) throw new ForbiddenException();
      }),
    );
  }
}

@Controller('around')
@CacheTTL(60)
@UseInterceptors(TimingInterceptor, EnvelopeInterceptor, ForbidInterceptor, HttpCacheInterceptor)
class AroundController {
  runs = 0;
  @Get() get() {
    return { run: (this.runs += 1) };
  }
}

@Controller('inside')
@CacheTTL(60)
@UseInterceptors(HttpCacheInterceptor, EnvelopeInterceptor)
class InsideController {
  @Get() get() {
    return { here: true };
  }
  @Get('res') res(@Res() response: AnyResponse) {
    response.send({ here: true });
  }
}

/** Has an answer of its own for handlers that fail, and for those that take too long. */
@Injectable()
class FallbackInterceptor implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(
      timeout(40),
      catchError(() => of({ fallback: true })),
    );
  }
}

@Catch()
class ForgivingFilter implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost) {
    host.switchToHttp().getResponse<AnyResponse>().status(200).send({ forgiven: error.message });
  }
}

@Controller('fails')
@CacheTTL(60)
@UseFilters(ForgivingFilter)
class FailsController {
  isWell = false;
  @Get('at-once') @UseInterceptors(HttpCacheInterceptor) atOnce() {
    if (!this.isWell) throw new Error('at once');
    return { well: true };
  }
  @Get('later') @UseInterceptors(HttpCacheInterceptor) async later() {
    await sleep(1);
    return this.atOnce();
  }
  @Get('caught') @UseInterceptors(FallbackInterceptor, HttpCacheInterceptor) caught() {
    return this.atOnce();
  }
  @Get('too-late') @UseInterceptors(FallbackInterceptor, HttpCacheInterceptor) async tooLate() {
    await sleep(this.isWell ? 0 : 200);
    return { well: true };
  }
}

@Controller('session')
@CacheTTL(60)
@UseInterceptors(HttpCacheInterceptor)
class SessionController {
  runs = 0;
  @Get() get() {
    return { run: (this.runs += 1) };
  }
}

describe.each(PLATFORMS)('What stands around the cache on %s', (platform) => {
  let running: Running;
  beforeAll(async () => {
    running = await startApp(
      platform,
      [AroundController, InsideController, SessionController, FailsController],
      {
        global: false,
      },
    );
  });
  afterAll(() => running.close());

  it('interceptors run to their end on a hit too, and their headers are of this request', async () => {
    const miss = await running.ask('/around');
    const hit = await running.ask('/around');
    expect(hit.cache).toBe('hit');
    expect(JSON.parse(hit.text)).toEqual({ data: { run: 1 } });
    expect(hit.text).toBe(miss.text);
    expect(hit.headers['content-type']).toBe(miss.headers['content-type']);
    expect(hit.headers.etag).toBe(miss.headers.etag);
    expect(Number(hit.headers['x-timing'])).toBe(Number(miss.headers['x-timing']) + 1);
  });

  it('what they refuse is refused, hit or not', async () => {
    await running.ask('/around?forbidden');
    const refused = await running.ask('/around?forbidden', { headers: { 'x-test-forbid': '1' } });
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain('run');
    expect((await running.ask('/around?forbidden')).cache).toBe('hit');
  });

  it.each(['at-once', 'later', 'caught', 'too-late'])(
    'an answer in the place of one that failed is not stored, though it says 200: %s',
    async (how) => {
      const fails = running.app.get(FailsController);
      fails.isWell = false;
      const failed = await running.ask(`/fails/${how}`);
      expect([failed.status, failed.cache]).toEqual([200, 'uri-miss; detail=error']);
      fails.isWell = true;
      expect(JSON.parse((await running.ask(`/fails/${how}`)).text)).toEqual({ well: true });
      expect((await running.ask(`/fails/${how}`)).cache).toBe('hit');
    },
  );

  it('a handler that sends by itself is answered for', async () => {
    const miss = await running.ask('/inside/res');
    const hit = await running.ask('/inside/res');
    expect(hit.cache).toBe('hit');
    expect(hit.text).toBe(miss.text);
  });

  it('what interceptors inside make of the answer is what is stored', async () => {
    await running.ask('/inside');
    const hit = await running.ask('/inside');
    expect(hit.cache).toBe('hit');
    expect(JSON.parse(hit.text)).toEqual({ data: { here: true } });
  });
});

/** As session middleware does it: the cookie is set when the head leaves, the end waits for a store. */
function session(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]) => {
    if (request.headers['x-test-login']) response.setHeader('Set-Cookie', 'session=secret');
    return writeHead(...args);
  };
  response.end = (...args: unknown[]) => {
    setTimeout(() => end(...args), 5);
    return response;
  };
  next();
}

describe('Middleware that changes the response when it leaves', () => {
  let running: Running;
  beforeAll(async () => {
    running = await startApp('express', [SessionController], {
      global: false,
      prepare: (app) => void app.use(session),
    });
  });
  afterAll(() => running.close());

  it('a cookie set with the head keeps the answer from being stored', async () => {
    const first = await running.ask('/session', { headers: { 'x-test-login': '1' } });
    expect(first.headers['set-cookie']).toEqual(['session=secret']);
    const second = await running.ask('/session');
    expect(second.headers['set-cookie']).toBeUndefined();
    expect(JSON.parse(second.text)).toEqual({ run: 2 });
    expect((await running.ask('/session')).cache).toBe('hit');
  });

  it('and hits pass it as other answers do', async () => {
    await running.ask('/session?b');
    const hit = await running.ask('/session?b', { headers: { 'x-test-login': '1' } });
    expect(hit.cache).toBe('hit');
    expect(hit.headers['set-cookie']).toEqual(['session=secret']);
  });
});

/** As compression middleware does it: what is written is encoded when the client accepts it. */
function compression(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.end = (chunk?: unknown) => {
    if (!chunk || !request.headers['accept-encoding']?.includes('gzip')) return end(chunk);
    const encoded = gzipSync(chunk as Buffer);
    response.setHeader('Vary', 'Accept-Encoding');
    response.setHeader('Content-Encoding', 'gzip');
    response.setHeader('Content-Length', encoded.length);
    return end(encoded);
  };
  next();
}

describe('Compression', () => {
  it('in front of the cache encodes hits as it encodes misses', async () => {
    const running = await startApp('express', [SessionController], {
      global: false,
      prepare: (app) => void app.use(compression),
    });
    const gzip = { 'accept-encoding': 'gzip' };
    const asked = [gzip, {}, gzip, {}];
    for (const headers of asked) {
      const answer = await running.ask('/session', { headers });
      expect(answer.headers['content-encoding']).toBe('accept-encoding' in headers ? 'gzip' : undefined);
      const bytes = 'accept-encoding' in headers ? gunzipSync(answer.bytes) : answer.bytes;
      expect(JSON.parse(bytes.toString())).toEqual({ run: 1 });
    }
    await running.close();
  });

  it('behind the cache is stored by what the client accepts', async () => {
    const running = await startApp('fastify', [SessionController], {
      global: false,
      prepare: (app) => {
        const instance = app.getHttpAdapter().getInstance() as FastifyInstance;
        instance.addHook('onSend', async (request, reply, payload) => {
          reply.header('X-Sent', String((ended += 1)));
          if (typeof payload !== 'string' || !request.headers['accept-encoding']?.includes('gzip'))
            return payload;
          reply.header('Content-Encoding', 'gzip').removeHeader('Content-Length');
          return gzipSync(payload);
        });
      },
    });
    const gzip = { 'accept-encoding': 'gzip' };
    for (const headers of [{}, gzip, {}, gzip, { 'accept-encoding': 'br' }]) {
      const answer = await running.ask('/session', { headers });
      const isEncoded = answer.headers['content-encoding'] === 'gzip';
      if (isEncoded) expect(headers).toBe(gzip);
      const bytes = isEncoded ? gunzipSync(answer.bytes) : answer.bytes;
      expect(JSON.parse(bytes.toString())).toHaveProperty('run');
      expect(answer.headers['x-sent']).toBe(String(ended));
    }
    expect((await running.ask('/session')).cache).toBe('hit');
    await running.close();
  });
});

describe('Contexts that are not HTTP', () => {
  it.each(['graphql', 'rpc', 'ws'])('%s is left alone', async (type) => {
    const running = await startApp('express', [SessionController]);
    const interceptor = running.app.get(HttpCacheInterceptor);
    const context = new ExecutionContextHost(
      [{}, {}, {}, {}],
      SessionController,
      SessionController.prototype.get.bind(null),
    );
    context.setType(type);
    const answer = await interceptor.intercept(context, { handle: () => of('untouched') });
    expect(await lastValueFrom(answer)).toBe('untouched');
    await running.close();
  });
});

describe('HTTP/2', () => {
  it.each([false, true])('is answered from the cache too, strict routes (%s) among them', async (strict) => {
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ redis: false, http: { global: true, strict } })],
      controllers: [SessionController],
    }).compile();
    const adapter = new FastifyAdapter({ http2: true } as object);
    const app = module.createNestApplication(adapter, { logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const client = connect(`http://127.0.0.1:${port}`);
    const get = (headers: Record<string, string> = {}) =>
      new Promise<{ cache: unknown; status: unknown; text: string }>((resolve, reject) => {
        const request = client.request({ ':path': '/session', ...headers });
        const answer = { cache: undefined as unknown, status: undefined as unknown, text: '' };
        request.on('response', (head) =>
          Object.assign(answer, { cache: head['cache-status'], status: head[':status'] }),
        );
        request.on('data', (chunk: Buffer) => (answer.text += chunk.toString()));
        request.on('error', reject).on('end', () => resolve(answer));
        request.end();
      });
    const miss = await get();
    const hit = await get();
    expect([miss.cache, String(hit.cache).slice(0, 10)]).toEqual([
      'flora; fwd=uri-miss; stored',
      'flora; hit',
    ]);
    expect(hit.text).toBe(miss.text);
    expect((await get({ 'if-none-match': '*' })).status).toBe(304);
    client.close();
    await app.close();
  });
});
