import {
  Controller,
  Get,
  Head,
  Headers,
  Post,
  Req,
  Res,
  Sse,
  UseGuards,
  Version,
  VersioningType,
  type CanActivate,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { RouteConstraints } from '@nestjs/platform-fastify';
import { connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { of } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHttpCache, HttpCache } from '../../../src/cache/http/http-cache.middleware.js';
import {
  CacheEvict,
  CacheKey,
  CacheResponse,
  CacheTags,
  CacheVary,
  NoCache,
} from '../../../src/cache/http/http-cache.decorators.js';
import type { HttpCacheRequest } from '../../../src/cache/http/http-cache.context.js';
import { describeWith, redis, startOwnRedis } from '../../servers/index.js';
import { PLATFORMS, startApp, type Answer, type Asked, type Platform, type Running } from './fixtures.js';

interface Settable {
  header(name: string, value: string | string[]): unknown;
}

const EARLY = { ttl: 60, scope: 'public', early: true } as const;

@Controller('pages')
@CacheResponse(EARLY)
class PagesController {
  runs = 0;
  #answer(more: object = {}) {
    return { run: (this.runs += 1), ...more };
  }
  @Get() list(@Req() request: HttpCacheRequest) {
    return this.#answer({ url: request.originalUrl ?? request.url, host: request.headers.host });
  }
  @Get('plain') plain(@Res({ passthrough: true }) response: Settable) {
    response.header('X-Of-The-Handler', 'yes');
    response.header('Link', ['</a>; rel=next', '</b>; rel=prev']);
    response.header('Last-Modified', 'Tue, 01 Sep 2026 10:00:00 GMT');
    return this.#answer();
  }
  @Get('item/:id') item(@Req() request: HttpCacheRequest) {
    return this.#answer({ id: (request.params as { id: string }).id });
  }
  @Get('language') language(
    @Headers('accept-language') language = 'none',
    @Res({ passthrough: true }) response: Settable,
  ) {
    response.header('Vary', 'Accept-Language');
    return this.#answer({ language });
  }
  @Get('declared') @CacheVary('Accept-Language') declared(@Headers('accept-language') language = 'none') {
    return this.#answer({ language });
  }
  @Get('tagged') @CacheTags('pages') tagged() {
    return this.#answer();
  }
  @Get('keyed') @CacheKey('keyed') keyed() {
    return this.#answer();
  }
  @Get('link') link(@Headers('x-forwarded-host') host = 'none') {
    return this.#answer({ link: `//${host}/` });
  }
  @Get('origin') @CacheVary('Origin') origin() {
    return this.#answer();
  }
  @Get('directives') @CacheResponse({ requestDirectives: true }) directives() {
    return this.#answer();
  }
  @Get('short') @CacheResponse({ ttl: '200ms', staleWhileRevalidate: 60 }) short() {
    return this.#answer();
  }
  @Get('rewritten') @CacheVary('X-Country') country(@Headers('x-country') country = 'none') {
    return this.#answer({ country });
  }
  @Get('cookie') cookie(@Res({ passthrough: true }) response: Settable) {
    response.header('Set-Cookie', `session=${this.runs + 1}`);
    return this.#answer();
  }
  @Get('gone') gone(@Res({ passthrough: true }) response: { status(code: number): unknown }) {
    response.status(404);
    return this.#answer();
  }
  @Head('head') head(@Res({ passthrough: true }) response: Settable) {
    response.header('X-Head', 'its own');
  }
  @Get('head') getOfHead() {
    return this.#answer();
  }
  @Get('nonce') nonce() {
    return this.#answer();
  }
  @Get('late') @CacheResponse({ early: false }) late() {
    return this.#answer();
  }
  @Get('uncached') @NoCache() uncached() {
    return this.#answer();
  }
  @Sse('events') events() {
    return of({ data: String((this.runs += 1)) });
  }
  @Post('tagged') write() {
    return {};
  }
  @Post('evict') @CacheEvict({ tags: ['pages'], keys: ['keyed'] }) evict() {
    return {};
  }
}

/** What stands before the router: who asks, a request id, security headers, CORS. Counts what it sees. */
class Outside {
  seen = 0;

  readonly middleware = (
    request: HttpCacheRequest,
    response: { setHeader(name: string, value: string): void },
    next: () => void,
  ) => {
    this.seen += 1;
    if (request.url?.startsWith('/pages/rewritten')) request.headers['x-country'] = 'by address';
    response.setHeader('X-Request-Id', String(this.seen));
    response.setHeader('X-Frame-Options', 'DENY');
    const policy = request.url?.includes('nonce') ? `script-src 'nonce-${this.seen}'` : "default-src 'self'";
    response.setHeader('Content-Security-Policy', policy);
    const { origin } = request.headers;
    if (origin) response.setHeader('Access-Control-Allow-Origin', origin);
    next();
  };
}

const isEarly = ({ headers }: Answer): boolean => /detail=early/.test(String(headers['cache-status']));

/** The answer once it has been asked for often enough to be early, or to show that it never is. */
async function warm(running: Running, path: string, options: Asked = {}): Promise<Answer> {
  let answer = await running.ask(path, options);
  for (let time = 0; time < 8 && !isEarly(answer); time += 1) {
    await sleep(time * 5);
    answer = await running.ask(path, options);
  }
  return answer;
}

describe.each(PLATFORMS)('Early hits on %s', (platform) => {
  let running: Running;
  const outside = new Outside();
  const pages = () => running.app.get(PagesController);

  beforeAll(async () => {
    running = await startApp(platform, [PagesController], {
      prepare: (app) => void app.use(outside.middleware),
    });
  });
  afterAll(() => running.close());
  beforeEach(() => running.cache.clear());

  it('are what the handler answered, and pass no middleware', async () => {
    const first = await running.ask('/pages/plain');
    expect(isEarly(first)).toBe(false);
    await warm(running, '/pages/plain');
    const seen = outside.seen;
    const early = await running.ask('/pages/plain');
    expect(early.headers['cache-status']).toMatch(/^flora; hit; ttl=(5\d|60); detail=early$/);
    expect(outside.seen).toBe(seen);
    expect(early.status).toBe(200);
    expect(early.bytes).toEqual(first.bytes);
    const ofEach = ['age', 'cache-status', 'date', 'x-request-id', 'x-powered-by'];
    const rest = ({ headers }: Answer) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => !ofEach.includes(name)));
    expect(rest(early)).toEqual(rest(first));
    expect(early.headers.age).toMatch(/^\d+$/);
    expect(early.headers['x-request-id']).toBeUndefined();
  });

  it('keep the headers of middleware that protect the page', async () => {
    const early = await warm(running, '/pages/plain');
    expect(isEarly(early)).toBe(true);
    expect(early.headers['x-frame-options']).toBe('DENY');
    expect(early.headers['content-security-policy']).toBe("default-src 'self'");
  });

  it('are not for pages whose security policy is made anew for each', async () => {
    const third = await warm(running, '/pages/nonce');
    expect(third.cache).toBe('hit');
    expect(isEarly(third)).toBe(false);
    expect(third.headers['content-security-policy']).toContain(String(outside.seen));
  });

  it.each([
    ['a cookie', { cookie: 'session=a' }],
    ['a token', { authorization: 'Bearer a' }],
    ['an API key', { 'x-api-key': 'a' }],
  ])('are for whoever asks, as the scope says: with %s', async (_, headers) => {
    const first = await running.ask('/pages/plain', { headers });
    const early = await warm(running, '/pages/plain');
    expect(isEarly(early)).toBe(true);
    expect(early.text).toBe(first.text);
    expect(isEarly(await running.ask('/pages/plain', { headers }))).toBe(true);
  });

  it.each([
    'Range',
    'If-Range',
    'If-Match',
    'If-Unmodified-Since',
    'X-HTTP-Method-Override',
    'X-Original-URL',
    'X-Rewrite-URL',
    'Forwarded',
    'Origin',
    'Upgrade',
  ])('are not for a request with %s', async (name) => {
    await warm(running, '/pages/plain');
    const seen = outside.seen;
    const answer = await running.ask('/pages/plain', { headers: { [name]: 'anything' } });
    expect(isEarly(answer)).toBe(false);
    expect(outside.seen).toBe(seen + 1);
  });

  it('are not for requests with a body, for event streams, nor for other methods', async () => {
    await warm(running, '/pages/plain');
    const asked: Asked[] = [
      { body: '{}', headers: { 'content-type': 'application/json', 'content-length': '2' } },
      { headers: { accept: 'text/event-stream' } },
      { method: 'POST' },
      { method: 'OPTIONS' },
      { method: 'DELETE' },
    ];
    for (const options of asked) {
      const seen = outside.seen;
      expect(isEarly(await running.ask('/pages/plain', options))).toBe(false);
      expect(outside.seen).toBe(seen + 1);
    }
  });

  it('answer HEAD with the head of GET', async () => {
    const get = await warm(running, '/pages/plain');
    await warm(running, '/pages/plain', { method: 'HEAD' });
    const head = await running.ask('/pages/plain', { method: 'HEAD' });
    expect(isEarly(head)).toBe(true);
    expect(head.bytes).toHaveLength(0);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
    expect(head.headers.etag).toBe(get.headers.etag);
  });

  it('leave HEAD to a handler of its own', async () => {
    await warm(running, '/pages/head');
    for (let time = 0; time < 3; time += 1) {
      const head = await running.ask('/pages/head', { method: 'HEAD' });
      expect(head.headers['x-head']).toBe('its own');
    }
  });

  it('are 304 for who has the answer', async () => {
    const { headers } = await warm(running, '/pages/plain');
    const conditions: Record<string, string>[] = [
      { 'if-none-match': String(headers.etag) },
      { 'if-none-match': `"other", ${String(headers.etag)}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': 'Wed, 02 Sep 2026 10:00:00 GMT' },
    ];
    for (const condition of conditions) {
      const answer = await running.ask('/pages/plain', { headers: condition });
      expect([isEarly(answer), answer.status, answer.bytes.length]).toEqual([true, 304, 0]);
      expect(answer.headers.etag).toBe(headers.etag);
      expect(answer.headers['content-length']).toBeUndefined();
      expect(answer.headers['content-type']).toBeUndefined();
    }
    const other = await running.ask('/pages/plain', { headers: { 'if-none-match': '"other"' } });
    expect([isEarly(other), other.status]).toEqual([true, 200]);
  });

  it('know each spelling of a path by itself', async () => {
    const spellings = [
      '/pages/item/a%2Fb',
      '/pages/item/a%2fb',
      '/pages/item/a',
      '/pages/item/A',
      '/pages/item/a%00',
      '/pages/item/%61',
      '/pages/item/a;b',
      '/pages/item/a/',
      '/pages/item//a',
      '/pages/item/a/../b',
      '/PAGES/item/a',
    ];
    const handled = new Map<string, Answer>();
    for (const path of spellings) handled.set(path, await running.ask(path));
    for (const path of spellings) {
      const again = await running.ask(path);
      expect([path, again.status, again.text]).toEqual([
        path,
        handled.get(path)?.status,
        handled.get(path)?.text,
      ]);
    }
  });

  it('find the same answer for parameters in another order, once that was asked for', async () => {
    const first = await running.ask('/pages?b=2&a=1');
    const turned = await running.ask('/pages?a=1&b=2');
    expect([turned.cache, isEarly(turned), turned.text]).toEqual(['hit', false, first.text]);
    for (const path of ['/pages?a=1&b=2', '/pages?b=2&a=1']) {
      const early = await warm(running, path);
      expect([isEarly(early), early.text]).toEqual([true, first.text]);
    }
    expect((await running.ask('/pages?a=2&b=1')).text).not.toBe(first.text);
    expect((await running.ask('/pages?a=1&a=2')).text).not.toBe((await running.ask('/pages?a=2&a=1')).text);
  });

  it('are kept apart by host, and by what proxies say', async () => {
    const evil = { 'x-forwarded-host': 'evil.test' };
    const [, , forged] = [
      await warm(running, '/pages/link'),
      await warm(running, '/pages', { headers: { host: 'a.test' } }),
      await warm(running, '/pages/link', { headers: evil }),
    ];
    expect([isEarly(forged), JSON.parse(forged.text)]).toMatchObject([true, { link: '//evil.test/' }]);
    const plain = await running.ask('/pages/link');
    expect([isEarly(plain), JSON.parse(plain.text)]).toMatchObject([true, { link: '//none/' }]);
    const empty = await running.ask('/pages/link', { headers: { 'x-forwarded-host': '' } });
    expect(JSON.parse(empty.text)).toMatchObject({ link: '///' });
    const b = await running.ask('/pages', { headers: { host: 'b.test' } });
    expect(JSON.parse(b.text)).toMatchObject({ host: 'b.test' });
    const upper = await running.ask('/pages', { headers: { host: 'A.TEST' } });
    expect(isEarly(upper)).toBe(true);
  });

  it.each(['/pages/language', '/pages/declared'])('%s: are kept apart by header values', async (path) => {
    const languages = [{ 'accept-language': 'de' }, { 'accept-language': 'en' }, {}] as const;
    for (const headers of languages) await warm(running, path, { headers });
    for (const headers of languages) {
      const early = await running.ask(path, { headers });
      const { language } = JSON.parse(early.text) as { language: string };
      expect([isEarly(early), language]).toEqual([
        true,
        'accept-language' in headers ? headers['accept-language'] : 'none',
      ]);
      expect(String(early.headers.vary).toLowerCase()).toContain('accept-language');
    }
    expect(isEarly(await running.ask(path, { headers: { 'accept-language': '' } }))).toBe(false);
  });

  it('answer other sites where the route says that they matter, with what middleware says to each', async () => {
    for (const origin of ['https://a.test', 'https://b.test', 'https://a.test', 'https://b.test']) {
      const answer = await warm(running, '/pages/origin', { headers: { origin } });
      expect(isEarly(answer)).toBe(true);
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
    }
    const none = await warm(running, '/pages/origin');
    expect([isEarly(none), none.headers['access-control-allow-origin']]).toEqual([true, undefined]);
  });

  it('do not happen where middleware changes what the answer depends on', async () => {
    for (const headers of [{}, { 'x-country': 'forged' }, { 'x-country': 'by address' }]) {
      const answer = await warm(running, '/pages/rewritten', { headers });
      expect(JSON.parse(answer.text)).toMatchObject({ country: 'by address' });
    }
    expect(isEarly(await warm(running, '/pages/rewritten'))).toBe(false);
  });

  it('are not for requests that ask for something else, where they may', async () => {
    await warm(running, '/pages/directives');
    expect(isEarly(await running.ask('/pages/directives'))).toBe(true);
    const runs = pages().runs;
    const answer = await running.ask('/pages/directives', { headers: { 'cache-control': 'no-cache' } });
    expect([isEarly(answer), pages().runs]).toEqual([false, runs + 1]);
    const elsewhere = await warm(running, '/pages/plain', { headers: { 'cache-control': 'no-cache' } });
    expect(isEarly(elsewhere)).toBe(true);
  });

  it('end with the ttl; what is stale goes the normal way', async () => {
    const early = await warm(running, '/pages/short');
    expect(isEarly(early)).toBe(true);
    await sleep(250);
    const stale = await running.ask('/pages/short');
    expect([isEarly(stale), stale.text]).toEqual([false, early.text]);
    await expect.poll(async () => (await running.ask('/pages/short')).text).not.toBe(early.text);
  });

  it('end when a tag is invalidated', async () => {
    const early = await warm(running, '/pages/tagged');
    expect(isEarly(early)).toBe(true);
    await running.cache.invalidateTags('pages');
    const next = await running.ask('/pages/tagged');
    expect([isEarly(next), next.text === early.text]).toEqual([false, false]);
    expect(isEarly(await warm(running, '/pages/tagged'))).toBe(true);
  });

  it('end when something is written under their path, or evicts them', async () => {
    for (const path of ['/pages/tagged', '/pages/evict']) {
      const before = await warm(running, '/pages/tagged');
      expect(isEarly(before)).toBe(true);
      expect((await running.ask(path, { method: 'POST' })).status).toBe(201);
      expect((await running.ask('/pages/tagged')).text).not.toBe(before.text);
    }
  });

  it('end when the key of the author is deleted', async () => {
    for (const drop of [
      () => running.cache.delete('keyed'),
      () => running.cache.clearPattern('key*'),
      () => running.ask('/pages/evict', { method: 'POST' }),
    ]) {
      const before = await warm(running, '/pages/keyed?some=query');
      expect(isEarly(before)).toBe(true);
      await drop();
      expect((await running.ask('/pages/keyed?some=query')).text).not.toBe(before.text);
    }
  });

  it('are not for what is not stored, nor for routes that are not early', async () => {
    for (const path of ['/pages/cookie', '/pages/gone', '/pages/late', '/pages/uncached', '/nothing']) {
      const seen = outside.seen;
      for (let time = 0; time < 3; time += 1) expect(isEarly(await running.ask(path))).toBe(false);
      expect(outside.seen).toBe(seen + 3);
    }
    const events = await running.ask('/pages/events');
    expect(String(events.headers['content-type'])).toContain('text/event-stream');
  });

  it('are explained as any hit', async () => {
    await warm(running, '/pages/plain');
    const explained = await running.app
      .get(HttpCache)
      .explain({ url: '/pages/plain', headers: { host: 'shop.test' } });
    expect(explained).toMatchObject({ outcome: 'hit' });
    expect(isEarly(await running.ask('/pages/plain'))).toBe(true);
  });

  it('count as hits', async () => {
    await warm(running, '/pages/plain');
    const before = running.cache.stats().hits.memory;
    await running.ask('/pages/plain');
    expect(running.cache.stats().hits.memory).toBe(before + 1);
  });

  it('survive what no client should send', async () => {
    const { port } = running.app.getHttpServer().address() as AddressInfo;
    await warm(running, '/pages/plain');
    const requests = [
      'GET /pages/plain HTTP/1.1\r\nHost: a\r\nHost: b\r\n',
      'GET /pages/plain HTTP/1.0\r\n',
      'GET http://other.test/pages/plain HTTP/1.1\r\nHost: shop.test\r\n',
      'GET /pages/plain?\u0001 HTTP/1.1\r\nHost: shop.test\r\n',
      `GET /pages/plain?${'x'.repeat(15_000)} HTTP/1.1\r\nHost: shop.test\r\n`,
      `GET /pages/plain HTTP/1.1\r\nHost: shop.test\r\n${'X-Flood: 1\r\n'.repeat(1_000)}`,
      'GET /pages/plain HTTP/1.1\r\nHost: shop.test\r\nIf-None-Match: W/"\r\n',
      'GET /pages/plain HTTP/1.1\r\nHost: shop.test\r\nIf-Modified-Since: nonsense\r\n',
    ];
    for (const head of requests) for (let time = 0; time < 2; time += 1) await raw(port, head);
    expect((await running.ask('/pages/plain')).status).toBe(200);
  });

  it('keep a connection, and answer requests that come in one piece', async () => {
    const { port } = running.app.getHttpServer().address() as AddressInfo;
    await warm(running, '/pages/plain');
    const request = 'GET /pages/plain HTTP/1.1\r\nHost: shop.test\r\n';
    const text = await raw(port, `${request}\r\n${request}\r\n${request}`);
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
    expect(text.match(/detail=early/g)).toHaveLength(3);
  });
});

/** What comes back for a request that is closed by it, byte for byte. */
function raw(port: number, head: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head}Connection: close\r\n\r\n`));
    socket.setTimeout(2_000, () => socket.destroy());
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
}

const versioned = (version: string) => {
  @Controller('versioned')
  class VersionedController {
    @Get() @Version(version) @CacheResponse(EARLY) get() {
      return { version };
    }
  }
  return VersionedController;
};

@Controller({ path: 'hosted', host: 'a.test' })
class HostedController {
  @Get() @CacheResponse(EARLY) get() {
    return { hosted: true };
  }
}
@Controller('hosted')
class UnhostedController {
  @Get() @CacheResponse(EARLY) get() {
    return { hosted: false };
  }
}

describe.each(PLATFORMS)('Early hits on %s reach the handler that the framework would', (platform) => {
  const twice = async (running: Running, path: string, headers: Record<string, string>) => {
    await warm(running, path, { headers });
    const answer = await running.ask(path, { headers });
    expect(isEarly(answer)).toBe(true);
    return JSON.parse(answer.text) as unknown;
  };

  it.each([
    ['a header', { type: VersioningType.HEADER, header: 'X-Version' }, (v: string) => ({ 'x-version': v })],
    [
      'the media type',
      { type: VersioningType.MEDIA_TYPE, key: 'v=' },
      (v: string) => ({ accept: `application/json;v=${v}` }),
    ],
  ] as const)('by the version in %s', async (_, versioning, headers) => {
    const running = await startApp(platform, [versioned('1'), versioned('2')], {
      prepare: (app) => void app.enableVersioning(versioning),
    });
    for (const version of ['1', '2', '1', '2'])
      expect(await twice(running, '/versioned', headers(version))).toEqual({ version });
    expect((await running.ask('/versioned', { headers: headers('3') })).status).toBe(404);
    expect((await running.ask('/versioned')).status).toBe(404);
    await running.close();
  });

  it('by the version in the URL, under a prefix', async () => {
    const running = await startApp(platform, [versioned('1'), versioned('2')], {
      prepare: (app) => void app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI }),
    });
    for (const version of ['1', '2', '1', '2'])
      expect(await twice(running, `/api/v${version}/versioned`, {})).toEqual({ version });
    expect((await running.ask('/v1/versioned')).status).toBe(404);
    await running.close();
  });

  // Fastify takes no two handlers of one path that differ by Nest's host only.
  it.runIf(platform === 'express')('by the host', async () => {
    const running = await startApp(platform, [HostedController, UnhostedController]);
    for (let time = 0; time < 2; time += 1) {
      expect(await twice(running, '/hosted', { host: 'a.test' })).toEqual({ hosted: true });
      expect(await twice(running, '/hosted', { host: 'b.test' })).toEqual({ hosted: false });
    }
    await running.close();
  });

  // Fastify has chosen the handler when middleware runs.
  it.runIf(platform === 'express')('not at all where middleware rewrites the target', async () => {
    const running = await startApp(platform, [PagesController], {
      prepare: (app) =>
        void app.use((request: HttpCacheRequest, _: unknown, next: () => void) => {
          if (request.headers['x-to']) request.url = `/pages/item/${String(request.headers['x-to'])}`;
          next();
        }),
    });
    const rewritten = await warm(running, '/pages/item/one', { headers: { 'x-to': 'two' } });
    expect([isEarly(rewritten), JSON.parse(rewritten.text)]).toMatchObject([false, { id: 'two' }]);
    await running.close();
  });
});

@Controller()
class Bare {
  @Get('bare') @CacheResponse(EARLY) bare() {
    return { bare: true };
  }
}

const allows: CanActivate = { canActivate: () => true };
class Allows implements CanActivate {
  canActivate() {
    return true;
  }
}

describe.each(PLATFORMS)('Early hits on %s are refused at start', (platform) => {
  /** What the application failed with when it started. */
  const refusal = (controller: Type, more: Parameters<typeof startApp>[2] = {}): Promise<unknown> =>
    startApp(platform, [controller], more).then(
      (running) => running.close(),
      (error: unknown) => error,
    );
  const saying = (why: RegExp): unknown =>
    expect.objectContaining({
      code: 'INVALID_HTTP_CACHE_OPTIONS',
      message: expect.stringMatching(why) as string,
    });

  it('where the method has a guard', async () => {
    @Controller()
    class Guarded {
      @Get() @UseGuards(allows) @CacheResponse(EARLY) get() {
        return {};
      }
    }
    expect(await refusal(Guarded)).toEqual(saying(/Guarded\.get.*its guard/));
  });

  it('where the controller has a guard, or the one that it extends', async () => {
    @Controller()
    @UseGuards(Allows)
    class Guarded {
      @Get() @CacheResponse(EARLY) get() {
        return {};
      }
    }
    @Controller('heir')
    class Heir extends Guarded {}
    expect(await refusal(Guarded)).toEqual(saying(/Guarded\.get.*guard of its controller/));
    expect(await refusal(Heir)).toEqual(saying(/Heir\.get.*guard of its controller/));
  });

  it('where the whole application has a guard', async () => {
    expect(
      await refusal(Bare, { prepare: (app: INestApplication) => void app.useGlobalGuards(allows) }),
    ).toEqual(saying(/Bare\.bare.*guard of the whole application/));
    expect(
      await refusal(Bare, { metadata: { providers: [{ provide: APP_GUARD, useClass: Allows }] } }),
    ).toEqual(saying(/Bare\.bare.*guard of the whole application/));
    const scoped = { provide: APP_GUARD, useClass: Allows, scope: 2 };
    expect(await refusal(Bare, { metadata: { providers: [scoped] } })).toEqual(
      saying(/Bare\.bare.*guard of the whole application/),
    );
  });

  it('where the scope is not public', async () => {
    @Controller()
    class Unsaid {
      @Get() @CacheResponse({ ttl: 60, early: true }) get() {
        return {};
      }
    }
    @Controller()
    @CacheResponse({ early: true, ttl: 60, scope: 'public' })
    class PerUser {
      @Get() @CacheResponse({ scope: () => 'user' }) get() {
        return {};
      }
    }
    expect(await refusal(Unsaid)).toEqual(saying(/Unsaid\.get.*scope is not 'public'/));
    expect(await refusal(PerUser)).toEqual(saying(/PerUser\.get.*scope is not 'public'/));
  });

  it('where the key or the version is found by a function', async () => {
    @Controller()
    class Keyed {
      @Get() @CacheKey(() => 'key') @CacheResponse(EARLY) get() {
        return {};
      }
    }
    expect(await refusal(Keyed)).toEqual(saying(/Keyed\.get.*its key is a function/));
    expect(
      await refusal(Bare, {
        prepare: (app: INestApplication) =>
          void app.enableVersioning({ type: VersioningType.CUSTOM, extractor: () => '1' }),
      }),
    ).toEqual(saying(/Bare\.bare.*versions/));
  });

  it('where routes are found by constraints', async () => {
    @Controller()
    class Constrained {
      @Get('x') @CacheResponse(EARLY) get() {
        return {};
      }
      @Get('y') @RouteConstraints({ version: '1.2.x' }) other() {
        return {};
      }
    }
    expect(await refusal(Constrained)).toEqual(saying(/Constrained\.get.*Constrained\.other/));
  });

  it('but not for writes, uncached methods and other routes of a controller that says it', async () => {
    @Controller()
    @CacheResponse(EARLY)
    class Mixed {
      @Get() get() {
        return {};
      }
      @Get('other') @UseGuards(allows) @NoCache() other() {
        return {};
      }
      @Get('normal') @UseGuards(allows) @CacheResponse({ early: false }) normal() {
        return {};
      }
      @Post() @UseGuards(allows) write() {
        return {};
      }
    }
    const running = await startApp(platform, [Mixed]);
    expect(isEarly(await warm(running, '/'))).toBe(true);
    expect(isEarly(await warm(running, '/normal'))).toBe(false);
    await running.close();
  });
});

it('early is true or false, and for controllers only', () => {
  expect(() => CacheResponse({ early: 'yes' as never })(class X {})).toThrow(
    /early is a string|early is "yes"|early/,
  );
  const { cacheAPIResponse } = createHttpCache({ options: {} } as never);
  expect(() => cacheAPIResponse({ ttl: 60, early: true })).toThrow(/cacheAPIResponse\(\): early is true/);
});

describeWith('redis', 'Early hits with Redis', () => {
  const start = (platform: Platform, namespace: string, url = redis().url) =>
    startApp(platform, [PagesController], { cache: { redis: { url }, namespace } });

  it.each(PLATFORMS)('on %s end when another process invalidates', async (platform) => {
    const { namespace } = redis();
    const [one, other] = [await start(platform, namespace), await start(platform, namespace)];
    const before = await warm(one, '/pages/tagged');
    expect(isEarly(before)).toBe(true);
    const shared = await other.ask('/pages/tagged');
    expect([isEarly(shared), shared.text]).toEqual([false, before.text]);
    expect(isEarly(await other.ask('/pages/tagged'))).toBe(true);
    await other.cache.invalidateTags('pages');
    await expect.poll(async () => isEarly(await one.ask('/pages/tagged'))).toBe(false);
    await Promise.all([one.close(), other.close()]);
  });

  it.each(PLATFORMS)('on %s: none while every read is to be sure', async (platform) => {
    const { url, namespace } = redis();
    const running = await startApp(platform, [PagesController], {
      cache: { redis: { url }, namespace, consistency: 'strict' },
    });
    await warm(running, '/pages/plain');
    const answer = await running.ask('/pages/plain');
    expect([answer.cache, isEarly(answer)]).toEqual(['hit', false]);
    await running.close();
  });

  it.each(PLATFORMS)('on %s go on as the outage rule says when Redis is lost', async (platform) => {
    const server = await startOwnRedis();
    const running = await start(platform, 'early-outage', server.url);
    const before = await warm(running, '/pages/tagged');
    expect(isEarly(before)).toBe(true);
    await server.stop();
    await expect.poll(() => running.cache.stats().state).toBe('down');
    const after = await running.ask('/pages/tagged');
    expect([after.status, isEarly(after)]).toEqual([200, false]);
    expect(after.text).not.toBe(before.text);
    await running.cache.invalidateTags('pages');
    const last = await running.ask('/pages/tagged');
    expect(last.text).not.toBe(after.text);
    await running.close();
  });
});
