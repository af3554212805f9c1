import {
  Controller,
  Get,
  Header,
  Headers,
  Injectable,
  Req,
  Res,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CacheKey,
  CacheResponse,
  CacheTTL,
  CacheVary,
  NoCache,
} from '../../../src/cache/http/http-cache.decorators.js';
import type { HttpCacheRequest } from '../../../src/cache/http/http-cache.context.js';
import { PLATFORMS, startApp, type Asked, type Running } from './fixtures.js';

interface Known extends HttpCacheRequest {
  user?: { id: string };
}
interface Settable {
  header(name: string, value: string | string[]): unknown;
}

const whoAsks = (request: Known) =>
  (request.user ?? (request.raw as Known | undefined)?.user)?.id ??
  request.headers.authorization ??
  request.headers.cookie ??
  request.headers['x-api-key'] ??
  request.headers['x-tenant-id'] ??
  request.headers['x-remote-user'] ??
  'nobody';

/** Finds out who asks by a header of its own, behind the cache. */
@Injectable()
class LateAuthentication implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const request = context.switchToHttp().getRequest<Known>();
    const id = request.headers['x-test-session'];
    if (typeof id === 'string') request.user = { id };
    return next.handle();
  }
}

@Controller()
@CacheTTL(60)
class AnswersController {
  runs = 0;
  #answer(more: object = {}) {
    return { run: (this.runs += 1), ...more };
  }
  @Get('me') me(@Req() request: Known) {
    return this.#answer({ for: whoAsks(request) });
  }
  @Get('public') @CacheResponse({ scope: 'public' }) public(@Req() request: Known) {
    return this.#answer({ for: whoAsks(request) });
  }
  @Get('mine')
  @CacheResponse({ scope: (ctx) => (ctx.user as Known['user'])?.id })
  mine(@Req() request: Known) {
    return this.#answer({ for: whoAsks(request) });
  }
  @Get('mine-by-key')
  @CacheKey('fixed')
  @CacheResponse({ scope: (ctx) => (ctx.user as Known['user'])?.id })
  mineByKey(@Req() request: Known) {
    return this.#answer({ for: whoAsks(request) });
  }
  @Get('mine-or-null')
  @CacheResponse({ scope: (ctx) => ((ctx.user as Known['user'])?.id ?? null) as string })
  mineOrNull(@Req() request: Known) {
    return this.#answer({ for: whoAsks(request) });
  }
  @Get('late') @UseInterceptors(LateAuthentication) late(@Req() request: Known) {
    return this.#answer({ for: whoAsks(request) });
  }
  @Get('by-token') @CacheVary('Authorization') byToken(@Req() request: Known) {
    return this.#answer({ for: whoAsks(request) });
  }
  @Get('cookie') cookie(@Res({ passthrough: true }) res: Settable) {
    res.header('Set-Cookie', `session=${this.runs + 1}`);
    return this.#answer();
  }
  @Get('public-cookie') @CacheResponse({ scope: 'public' }) publicCookie(
    @Res({ passthrough: true }) res: Settable,
  ) {
    res.header('Set-Cookie', `session=${this.runs + 1}`);
    return this.#answer();
  }
  @Get('says') says(@Headers('x-test-says') says: string, @Res({ passthrough: true }) res: Settable) {
    const [name = '', value = ''] = says.split('=', 1).concat(says.slice(says.indexOf('=') + 1));
    res.header(name, value);
    return `run ${(this.runs += 1)}`;
  }
  @Get('language') language(
    @Headers('accept-language') language = 'none',
    @Res({ passthrough: true }) res: Settable,
  ) {
    res.header('Vary', 'Accept-Language');
    return this.#answer({ language });
  }
  @Get('declared') @CacheVary('Accept-Language') declared(@Headers('accept-language') language = 'none') {
    return this.#answer({ language });
  }
  @Get('link') link(
    @Headers('x-forwarded-host') host = 'none',
    @Headers('x-forwarded-proto') proto = 'none',
  ) {
    return this.#answer({ link: `${proto}://${host}/` });
  }
  @Get('outside') outside(@Req() request: Known) {
    const outside = Object.entries(request.headers).filter(([name]) => /forwarded|host|prefix/.test(name));
    return this.#answer({ outside: Object.fromEntries(outside) });
  }
  @Get('fixed-header') @Header('X-Fixed', 'yes') fixed() {
    return this.#answer();
  }
  @Get('not') @NoCache() not() {
    return this.#answer();
  }
}

@Controller('plain')
class UndecoratedController {
  runs = 0;
  @Get() get() {
    return { run: (this.runs += 1) };
  }
}

describe.each(PLATFORMS)('On %s nobody gets the answer of somebody else', (platform) => {
  let running: Running;
  let requests = 0;

  beforeAll(async () => {
    running = await startApp(platform, [AnswersController, UndecoratedController], {
      prepare: (app) => {
        // What outer middleware does: who asks, a request id, and CORS for those who send an origin.
        const identify = (
          request: Known,
          response: { setHeader(name: string, value: string): void },
          next: () => void,
        ) => {
          const id = request.headers['x-test-user'];
          if (typeof id === 'string') request.user = { id };
          response.setHeader('X-Request-Id', String((requests += 1)));
          if (request.headers.origin)
            response.setHeader('Access-Control-Allow-Origin', request.headers.origin);
          next();
        };
        app.use(identify);
      },
    });
  });
  afterAll(() => running.close());

  const alice = { 'x-test-user': 'alice' };
  const bob = { 'x-test-user': 'bob' };

  const second = async (path: string, first: Asked['headers'] = {}, then: Asked['headers'] = {}) => {
    const answers = [
      await running.ask(path, { headers: first }),
      await running.ask(path, { headers: then }),
    ] as const;
    return { first: answers[0], second: answers[1], same: answers[0].text === answers[1].text };
  };

  it.each([
    ['a token', { authorization: 'Bearer a' }, { authorization: 'Bearer b' }, 'authorization'],
    ['a cookie', { cookie: 'session=a' }, { cookie: 'session=b' }, 'cookie'],
    ['an API key', { 'x-api-key': 'a' }, { 'x-api-key': 'b' }, 'x-api-key'],
    ['a tenant', { 'x-tenant-id': 'a' }, { 'x-tenant-id': 'b' }, 'x-tenant-id'],
    ['a name that a proxy has checked', { 'x-remote-user': 'a' }, { 'x-remote-user': 'b' }, 'x-remote-user'],
    ['an authenticated user', alice, bob, 'user'],
  ])('who sends %s', async (_, first, then, reason) => {
    const answers = await second('/me', first, then);
    expect(answers.same).toBe(false);
    expect(answers.second.cache).toBe(`bypass; detail=${reason}`);
    const anonymous = await running.ask('/me');
    expect(JSON.parse(anonymous.text)).toMatchObject({ for: 'nobody' });
    const again = await running.ask('/me', { headers: then });
    expect(JSON.parse(again.text)).toMatchObject({ for: JSON.parse(answers.second.text).for as string });
  });

  it('even right after an anonymous answer was stored', async () => {
    await running.ask('/me?anonymous');
    const hit = await running.ask('/me?anonymous');
    expect(hit.cache).toBe('hit');
    const known = await running.ask('/me?anonymous', { headers: { cookie: 'session=a' } });
    expect(known.cache).toBe('bypass; detail=cookie');
    expect(JSON.parse(known.text)).toMatchObject({ for: 'session=a' });
  });

  it('unless the author says that the answer is the same for all', async () => {
    const answers = await second('/public', { authorization: 'Bearer a' }, { cookie: 'session=b' });
    expect(answers.second.cache).toBe('hit');
    expect(answers.same).toBe(true);
  });

  it.each(['/mine', '/mine-by-key'])('%s: a scope gives each their own', async (path) => {
    const answers = await second(path, alice, bob);
    expect(answers.second.cache).toBe('uri-miss; stored');
    expect(JSON.parse(answers.second.text)).toMatchObject({ for: 'bob' });
    const again = await second(path, alice, bob);
    expect([again.first.cache, again.second.cache]).toEqual(['hit', 'hit']);
    expect(JSON.parse(again.first.text)).toMatchObject({ for: 'alice' });
    expect(JSON.parse(again.second.text)).toMatchObject({ for: 'bob' });
    const nobody = await running.ask(path);
    expect(nobody.cache).toBe('bypass; detail=scope');
    expect(JSON.parse(nobody.text)).toMatchObject({ for: 'nobody' });
  });

  it('a scope that says null bypasses, as one that says undefined', async () => {
    const strangers = await second('/mine-or-null', { authorization: 'a' }, { cookie: 'session=b' });
    expect([strangers.first.cache, strangers.second.cache]).toEqual([
      'bypass; detail=scope',
      'bypass; detail=scope',
    ]);
    expect(strangers.same).toBe(false);
    await running.ask('/mine-or-null', { headers: alice });
    expect((await running.ask('/mine-or-null', { headers: alice })).cache).toBe('hit');
  });

  it('a user who is known only behind the cache is nobody’s to share', async () => {
    const answers = await second('/late', { 'x-test-session': 'alice' }, { 'x-test-session': 'bob' });
    expect(answers.first.cache).toBe('uri-miss; detail=user');
    expect(JSON.parse(answers.second.text)).toMatchObject({ for: 'bob' });
  });

  it('a declared header tells askers apart', async () => {
    const answers = await second('/by-token', { authorization: 'a' }, { authorization: 'b' });
    expect(JSON.parse(answers.second.text)).toMatchObject({ for: 'b' });
    const again = await second('/by-token', { authorization: 'a' }, { authorization: 'b' });
    expect([again.first.cache, again.second.cache]).toEqual(['hit', 'hit']);
    expect(JSON.parse(again.first.text)).toMatchObject({ for: 'a' });
  });

  it.each(['/cookie', '/public-cookie'])('%s: an answer that sets a cookie is not stored', async (path) => {
    const answers = await second(path);
    expect(answers.first.cache).toBe('uri-miss; detail=set-cookie');
    expect(answers.same).toBe(false);
    expect(answers.second.headers['set-cookie']).not.toEqual(answers.first.headers['set-cookie']);
  });

  it.each([
    ['Cache-Control=private', 'private'],
    ['Cache-Control=no-store', 'no-store'],
    ['Cache-Control=no-cache', 'no-cache'],
    ['Cache-Control=public, NO-CACHE, no-store, max-age=0, must-revalidate', 'no-store'],
    ['Cache-Control=private="x-user"', 'private'],
    ['Cache-Control=max-age=60, private=""', 'private'],
    ['Cache-Control=public, max-age=60, ext="open', 'cache-control'],
    ['Cache-Control=max-age=0', 'expired'],
    ['Cache-Control=max-age=60, s-maxage=0', 'expired'],
    ['Cache-Control=max-age=soon', 'expired'],
    ['Pragma=no-cache', 'no-cache'],
    ['Expires=0', 'expired'],
    ['Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'expired'],
    ['Vary=*', 'vary'],
    ['Vary=Accept, *', 'vary'],
    ['Content-Range=bytes 0-9/100', 'content-range'],
    ['Content-Type=text/event-stream', 'event-stream'],
  ])('an answer with %s is not stored', async (says, reason) => {
    const path = `/says?${encodeURIComponent(says)}`;
    const answers = await second(path, { 'x-test-says': says }, { 'x-test-says': says });
    expect(answers.first.cache).toBe(`uri-miss; detail=${reason}`);
    expect(answers.same).toBe(false);
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
  ])('a request with %s goes past the cache', async (name) => {
    await running.ask('/fixed-header');
    const answer = await running.ask('/fixed-header', { headers: { [name]: 'anything' } });
    expect(answer.cache).toBe(`bypass; detail=${name.toLowerCase()}`);
    expect((await running.ask('/fixed-header')).text).not.toBe(answer.text);
  });

  it('a GET with a body goes past the cache', async () => {
    const answer = await running.ask('/fixed-header', {
      body: '{}',
      headers: { 'content-type': 'application/json', 'content-length': '2' },
    });
    expect(answer.cache).toBe('bypass; detail=body');
  });

  it('what a proxy says of the outside reaches only those who come by the same way', async () => {
    const evil = { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' };
    const answers = await second('/link', evil);
    expect(JSON.parse(answers.first.text)).toMatchObject({ link: 'https://evil.test/' });
    expect(JSON.parse(answers.second.text)).toMatchObject({ link: 'none://none/' });
    expect((await running.ask('/link', { headers: evil })).cache).toBe('hit');
    expect((await running.ask('/link', { headers: { ...evil, 'x-forwarded-host': '' } })).text).not.toContain(
      'evil',
    );
  });

  it.each([
    'X-Forwarded-Host',
    'X-Forwarded-Path',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'X-Forwarded-Proto',
    'X-Forwarded-Scheme',
    'X-Forwarded-Ssl',
    'X-Host',
    'X-Original-Host',
  ])('%s of one request is not in the answer to another', async (name) => {
    const path = `/outside?${name}`;
    const answers = await second(path, { [name]: 'evil' });
    expect(answers.first.text).toContain('evil');
    expect(answers.second.text).not.toContain('evil');
    const others = await second(path, { [name]: 'other' }, { [name]: 'evil' });
    expect(others.first.text).toContain('other');
    expect(others.second.text).toBe(answers.first.text);
  });

  it.each(['/language', '/declared'])('%s: answers that depend on a header are kept apart', async (path) => {
    const languages = ['de', 'en', 'de, en'];
    for (const language of languages) await running.ask(path, { headers: { 'accept-language': language } });
    await running.ask(path);
    for (const language of languages) {
      const answer = await running.ask(path, { headers: { 'accept-language': language } });
      expect(answer.cache).toBe('hit');
      expect(JSON.parse(answer.text)).toMatchObject({ language });
      expect(String(answer.headers.vary).toLowerCase()).toContain('accept-language');
    }
    const without = await running.ask(path);
    expect(without.cache).toBe('hit');
    expect(JSON.parse(without.text)).toMatchObject({ language: 'none' });
    const empty = await running.ask(path, { headers: { 'accept-language': '' } });
    expect(empty.cache).not.toBe('hit');
  });

  it('headers of outer middleware stay those of each request', async () => {
    const answers = await second(
      '/fixed-header?outer',
      { origin: 'https://a.test' },
      { origin: 'https://b.test' },
    );
    expect(answers.second.cache).toBe('hit');
    expect(answers.second.headers['x-request-id']).toBe(String(requests));
    expect(answers.second.headers['access-control-allow-origin']).toBe('https://b.test');
    expect(answers.second.headers['x-fixed']).toBe('yes');
    const without = await running.ask('/fixed-header?outer');
    expect(without.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('tenants by host name get their own', async () => {
    const answers = await second('/fixed-header?host', { host: 'a.test' }, { host: 'b.test' });
    expect(answers.same).toBe(false);
    expect((await running.ask('/fixed-header?host', { headers: { host: 'A.test' } })).text).toBe(
      answers.first.text,
    );
  });

  it('and a route that does not ask for it is left alone', async () => {
    for (const path of ['/not', '/plain']) {
      const answers = await second(path);
      expect(answers.same).toBe(false);
      expect(answers.first.cache).toBeUndefined();
    }
  });
});
