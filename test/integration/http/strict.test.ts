import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  Headers,
  HttpException,
  Injectable,
  Ip,
  Logger,
  Req,
  Res,
  UseInterceptors,
  VersioningType,
  Version,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import express, { type Request, type Response } from 'express';
import { map } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { HttpCacheRequest } from '../../../src/cache/http/http-cache.context.js';
import { CacheResponse, CacheTTL, CacheVary } from '../../../src/cache/http/http-cache.decorators.js';
import { createHttpCache } from '../../../src/cache/http/http-cache.middleware.js';
import { ask, PLATFORMS, startApp, type Asked, type Running } from './fixtures.js';

interface Known extends HttpCacheRequest {
  user?: { id: string; tenant?: string };
  session?: { cart: string };
  cookies?: Record<string, string>;
  raw?: Known & NonNullable<HttpCacheRequest['raw']>;
  ip?: string;
  rawHeaders?: string[];
  headersDistinct?: object;
  secret?: string;
}
const of = <Name extends 'user' | 'session' | 'cookies'>(request: Known, name: Name) =>
  request[name] ?? request.raw?.[name];

@Injectable()
class Translating implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const { headers } = context.switchToHttp().getRequest<Known>();
    return next.handle().pipe(map((value: object) => ({ ...value, in: headers['accept-language'] ?? 'en' })));
  }
}

@Controller()
@CacheTTL(60)
class CuriousController {
  runs = 0;
  #answer(more: object = {}) {
    return { run: (this.runs += 1), ...more };
  }
  @Get('nothing') nothing() {
    return this.#answer();
  }
  @Get('by-name') byName(@Headers('x-currency') currency = 'EUR') {
    return this.#answer({ currency });
  }
  @Get('declared') @CacheVary('X-Currency') declared(@Headers('x-currency') currency = 'EUR') {
    return this.#answer({ currency });
  }
  @Get('said-by-vary') saidByVary(
    @Headers('x-currency') currency: string,
    @Res({ passthrough: true }) response: { header(name: string, value: string): void },
  ) {
    response.header('Vary', 'X-Currency');
    return this.#answer({ currency });
  }
  @Get('all') all(@Headers() headers: Record<string, string>) {
    return this.#answer({ names: Object.keys(headers).length });
  }
  @Get('copied') copied(@Req() request: Known) {
    return this.#answer({ currency: { ...request.headers }['x-currency'] });
  }
  @Get('asked-for') askedFor(@Req() request: Known) {
    return this.#answer({ hasCurrency: 'x-currency' in request.headers });
  }
  @Get('raw') raw(@Req() request: Known) {
    return this.#answer({ headers: (request.raw ?? request).rawHeaders?.length });
  }
  @Get('distinct') distinct(@Req() request: Known) {
    return this.#answer({ headers: Object.keys((request.raw ?? request).headersDistinct ?? {}).length });
  }
  @Get('user') user(@Req() request: Known) {
    return this.#answer({ for: of(request, 'user')?.id ?? 'nobody' });
  }
  @Get('address') address(@Ip() address: string) {
    return this.#answer({ address });
  }
  @Get('translated') @UseInterceptors(Translating) translated() {
    return this.#answer();
  }
  @Get('thrown') thrown(@Headers('x-currency') currency: string) {
    throw new HttpException({ currency }, 200);
  }
  @Get('public/user') @CacheResponse({ scope: 'public' }) publicUser(@Req() request: Known) {
    return this.#answer({ for: of(request, 'user')?.id ?? 'nobody' });
  }
  @Get('public/session') @CacheResponse({ scope: 'public' }) publicSession(@Req() request: Known) {
    return this.#answer({ cart: of(request, 'session')?.cart });
  }
  @Get('public/cookies') @CacheResponse({ scope: 'public' }) publicCookies(@Req() request: Known) {
    return this.#answer({ theme: of(request, 'cookies')?.['theme'] });
  }
  @Get('public/cookie') @CacheResponse({ scope: 'public' }) publicCookie(@Headers('cookie') cookie = '') {
    return this.#answer({ cookie });
  }
  @Get('public/token') @CacheResponse({ scope: 'public' }) publicToken(@Req() request: Known) {
    return this.#answer({ token: request.headers.authorization });
  }
  @Get('tenant') @CacheResponse({ scope: (ctx) => (ctx.user as Known['user'])?.tenant }) tenant(
    @Req() request: Known,
  ) {
    return this.#answer({ for: of(request, 'user')?.tenant });
  }
  @Get('tenant-and-cookie')
  @CacheResponse({ scope: (ctx) => ctx.headers['x-tenant-id'] as string })
  tenantAndCookie(@Headers('x-tenant-id') tenant: string, @Headers('cookie') cookie = '') {
    return this.#answer({ tenant, cookie });
  }
  @Get('not-strict') @CacheResponse({ strict: false }) notStrict(@Headers('x-currency') currency = 'EUR') {
    return this.#answer({ currency });
  }
  @Get('identity') identity(@Req() request: Known) {
    const { headers } = request;
    const before = { ...Object.getOwnPropertyDescriptor(request, 'user') };
    request.user = { id: 'set by the handler' };
    return this.#answer({
      isSame: headers === request.headers,
      isFastify: request.raw !== undefined,
      kind: typeof headers,
      hasOwn: before !== undefined,
      user: request.user.id,
    });
  }
}

const warned = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
afterAll(() => warned.mockRestore());

describe.each(PLATFORMS)('A strict route on %s', (platform) => {
  let running: Running;
  const after: Known[] = [];
  const texts = () => warned.mock.calls.map(([text]) => String(text));

  beforeAll(async () => {
    running = await startApp(platform, [CuriousController], {
      strict: true,
      prepare: (app) => {
        app.use((request: Known, response: NodeJS.EventEmitter, next: () => void) => {
          const id = request.headers['x-test-user'];
          if (typeof id === 'string') request.user = { id, tenant: id.split('@')[1] as string };
          request.session = { cart: 'full' };
          request.cookies = { theme: 'dark' };
          response.once('finish', () => after.push(request));
          next();
        });
      },
    });
  });
  beforeEach(() => warned.mockClear());
  afterAll(() => running.close());
  const twice = async (path: string, headers: Asked['headers'] = {}) => {
    const first = await running.ask(path, { headers });
    return { first, second: await running.ask(path, { headers }) };
  };

  it.each([
    ['/by-name', 'x-currency'],
    ['/all', '*'],
    ['/copied', '*'],
    ['/asked-for', 'x-currency'],
    ['/raw', '*'],
    ['/distinct', '*'],
    ['/address', 'ip'],
    ['/translated', 'accept-language'],
    ['/public/user', 'user'],
    ['/public/session', 'session'],
    ['/public/cookies', 'cookie'],
    ['/public/cookie', 'cookie'],
    ['/public/token', 'authorization'],
  ])('%s: an answer made from what its key does not cover is not stored', async (path, name) => {
    const { first, second } = await twice(path);
    expect(first.status).toBe(200);
    expect(first.cache).toBe(`uri-miss; detail=unkeyed:${name}`);
    expect(second.text).not.toBe(first.text);
    expect(texts().filter((text) => text.includes('CuriousController#'))).toHaveLength(1);
  });

  it('whether the client sends it or not', async () => {
    const headers = { 'x-currency': 'USD' };
    const { first, second } = await twice('/by-name?sent', headers);
    expect(first.cache).toBe('uri-miss; detail=unkeyed:x-currency');
    expect(JSON.parse(second.text)).toMatchObject({ currency: 'USD' });
  });

  it.each([
    ['/nothing', {}],
    ['/declared', { 'x-currency': 'USD' }],
    ['/said-by-vary', { 'x-currency': 'USD' }],
    ['/tenant', { 'x-test-user': 'alice@roses' }],
    ['/not-strict', { 'x-currency': 'USD' }],
    // Whoever is known is not answered from it, so that all of it was made for nobody.
    ['/user', {}],
  ])('%s: one made from what its key covers is', async (path, headers) => {
    const { second } = await twice(path, headers);
    expect(second.cache).toBe('hit');
    expect(texts()).toEqual([]);
  });

  it('a scope covers what it reads, and nothing else', async () => {
    const { first } = await twice('/tenant-and-cookie', { 'x-tenant-id': 'roses', cookie: 'theme=dark' });
    expect(first.cache).toBe('uri-miss; detail=unkeyed:cookie');
    expect(texts()).toEqual([
      'CuriousController#tenantAndCookie reads cookie of the request, which its key does not cover: its answer ' +
        'was not stored. Let the scope function read it, or take it out of the answer.',
    ]);
  });

  it('what is told names the route and the header, and never its value', async () => {
    const value = 'secret-value';
    await running.ask('/by-name?told', { headers: { 'x-currency': value, cookie: value } });
    for (const path of ['/public/token?told', '/public/cookie?told']) {
      const answer = await running.ask(path, { headers: { authorization: value, cookie: value } });
      expect(JSON.stringify(answer.headers)).not.toContain(value);
    }
    expect(texts().join()).not.toContain(value);
  });

  it('a handler finds its request as it is, and so do those after it', async () => {
    const { first } = await twice('/identity', {});
    expect(JSON.parse(first.text)).toMatchObject({
      isSame: true,
      kind: 'object',
      user: 'set by the handler',
    });
    const request = after.at(-1) as Known;
    expect(Object.getOwnPropertyDescriptor(request, 'headers')).toBeUndefined();
    expect(Object.getOwnPropertyDescriptor(request, 'session')?.value).toEqual({ cart: 'full' });
    expect(Object.getOwnPropertyDescriptor(request, 'signedCookies')).toBeUndefined();
    expect(Object.getOwnPropertyDescriptor(request, 'ip') ?? {}).not.toHaveProperty('get');
    expect(Array.isArray(Object.getOwnPropertyDescriptor(request, 'rawHeaders')?.value)).toBe(true);
  });

  it('bypasses, hits and errors are as they were', async () => {
    expect((await running.ask('/user', { headers: { cookie: 'a=b' } })).cache).toBe('bypass; detail=cookie');
    const thrown = await running.ask('/thrown', { headers: { 'x-currency': 'USD' } });
    expect([thrown.status, thrown.cache]).toEqual([200, 'uri-miss; detail=error']);
  });
});

@Controller('versioned')
@CacheTTL(60)
class VersionedController {
  @Get() @Version('1') get(@Headers('x-version') version: string) {
    return { version };
  }
}

it.each(PLATFORMS)('On %s a header that says the version is covered', async (platform) => {
  const running = await startApp(platform, [VersionedController], {
    strict: true,
    prepare: (app) => void app.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version' }),
  });
  try {
    const headers = { 'x-version': '1' };
    await running.ask('/versioned', { headers });
    expect((await running.ask('/versioned', { headers })).cache).toBe('hit');
  } finally {
    await running.close();
  }
});

describe('A strict route of plain Express', () => {
  let cache: CacheService;
  let close: () => void;
  let port: number;
  beforeEach(async () => {
    cache = await createCache({ redis: false });
    const { cacheAPIResponse } = createHttpCache(cache, { strict: true });
    const app = express();
    // What compression does: it looks at the request when the response leaves.
    app.use((request, response, next) => {
      const writeHead = response.writeHead.bind(response);
      response.writeHead = ((...args: Parameters<typeof writeHead>) => {
        response.setHeader('X-Accepted', request.headers['accept-encoding'] ?? 'nothing');
        return writeHead(...args);
      }) as typeof writeHead;
      next();
    });
    app.get('/plain', cacheAPIResponse(60), (_, response) => void response.json({ plain: true }));
    app.get(
      '/got',
      cacheAPIResponse(60),
      (request: Request, response: Response) =>
        void response.send(`${request.get('X-Currency')} ${request.header('accept')}`),
    );
    app.get('/format', cacheAPIResponse(60), (_, response) =>
      response.format({ text: () => response.send('text') }),
    );
    app.get('/moved', cacheAPIResponse(60), (_, response) => response.redirect(301, '/plain'));
    app.get('/late', cacheAPIResponse(60), (request: Request & { user?: string }, response) => {
      response.write('some ');
      setTimeout(() => response.end(request.headers['x-currency']), 5);
    });
    app.get('/file', cacheAPIResponse(60), (_, response) =>
      response.sendFile(new URL('page.html', import.meta.url).pathname, { maxAge: 60_000 }),
    );
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    close = () => server.close();
  });
  afterEach(async () => {
    close();
    await cache.close();
  });

  it.each(['/plain', '/format', '/moved', '/file'])(
    '%s: what the framework and middleware read to send an answer counts for nothing',
    async (path) => {
      const headers = { 'accept-encoding': 'gzip', accept: 'text/plain' };
      await ask(port, path, { headers });
      expect((await ask(port, path, { headers })).cache).toBe('hit');
    },
  );

  it('get() and header() are reads', async () => {
    expect((await ask(port, '/got')).cache).toBe('uri-miss; detail=unkeyed:x-currency');
  });

  it('and so is what is read when the head has left', async () => {
    const headers = { 'x-currency': 'USD' };
    expect((await ask(port, '/late', { headers })).text).toBe('some USD');
    expect((await ask(port, '/late')).text).toBe('some ');
    expect(cache.stats().fills).toBe(0);
  });
});
