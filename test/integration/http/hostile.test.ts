import { connect } from 'node:net';
import { Controller, Get, Req } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheKey, CacheTTL } from '../../../src/cache/http/http-cache.decorators.js';
import type { HttpCacheRequest } from '../../../src/cache/http/http-cache.context.js';
import { PLATFORMS, startApp, type Running } from './fixtures.js';

/** What a handler may make of a request without looking at a header by itself. */
interface Seen extends HttpCacheRequest {
  hostname?: string;
  protocol?: string;
}

/** The order of parameters is not a difference; their values, and what repeats a name, are. */
const sorted = (query: unknown) =>
  Object.entries(query ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
const path = (url: string | undefined) => url?.split('?', 1)[0];

/** What links in an answer may begin with: host names mean the same in upper and lower case. */
const origin = (request: Seen) => ({
  hostname: request.hostname?.toLowerCase(),
  protocol: request.protocol,
  authority: /^https?:\/\/([^/]*)/.exec(request.originalUrl ?? request.url ?? '')?.[1],
});

const seen = (request: Seen) => ({
  ...origin(request),
  path: path(request.originalUrl ?? request.url),
  routed: path(request.url),
  query: JSON.stringify(sorted(request.query)),
  params: JSON.stringify(request.params),
});

@Controller()
@CacheTTL(60)
class MirrorController {
  @Get('mirror') mirror(@Req() request: Seen) {
    return seen(request);
  }
  @Get('mirror/:one/:two') deep(@Req() request: Seen) {
    return seen(request);
  }
  @Get('of/:name') named(@Req() request: Seen) {
    return seen(request);
  }
  @Get('fixed') @CacheKey('fixed') fixed(@Req() request: Seen) {
    return origin(request);
  }
}

/** One request as it is written, its answer as it came; undefined where the connection was closed without one. */
function send(
  port: number,
  text: string,
): Promise<{ status: number; body: string; cache: string } | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk) => (answer += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', ...body] = answer.split('\r\n\r\n');
      const cache = /^cache-status: (.*)$/im.exec(head)?.[1] ?? '';
      resolve(head === '' ? undefined : { status: Number(head.split(' ')[1]), body: body.join(), cache });
    });
  });
}

const get = (target: string, headers: readonly string[] = ['Host: shop.test']): string =>
  [`GET ${target} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n');

const host = 'Host: shop.test';
const long = (length: number): string => 'x'.repeat(length);
const REQUESTS: readonly string[] = [
  get('/mirror'),
  get('/mirror/'),
  get('/MIRROR'),
  get('/mirror?'),
  get('/mirror?&'),
  get('/mirror?a=1&b=2'),
  get('/mirror?b=2&a=1'),
  get('/mirror?a=1;b=2'),
  get('/mirror?a=1%26b=2'),
  get('/mirror?a=2&a=1'),
  get('/mirror?a=1&a=2'),
  get('/mirror?a[]=1&a=2'),
  get('/mirror?a=2&a[]=1'),
  get('/mirror?a%5B%5D=1&a=2'),
  get('/mirror?a[1]=x&a[0]=y'),
  get('/mirror?a[0]=y&a[1]=x'),
  get('/mirror?a.b=1&a[b]=2'),
  get('/mirror?__proto__=1'),
  get('/mirror?__proto__[a]=1&a=1'),
  get('/mirror?constructor=1'),
  get('/mirror?=1'),
  get('/mirror?a'),
  get('/mirror?a='),
  get('/mirror?a=%'),
  get('/mirror?%=1&%zz=2'),
  get('/mirror?a+b=1'),
  get('/mirror?a%20b=1'),
  get('/mirror?a=\u00e9'),
  get('/mirror?a=%C3%A9'),
  get('/mirror?x=1?y=2'),
  get('/mirror?x=#y'),
  get('/mirror?a=1&A=1'),
  get('/mirror?A=1&a=1'),
  get('/mirror/a/b'),
  get('/mirror/a%2Fb'),
  get('/mirror/a%2fb'),
  get('/mirror/a%252Fb'),
  get('/mirror//a/b'),
  get('/mirror/./a/b'),
  get('/mirror/../mirror/a'),
  get('/mirror/%2e%2e/mirror'),
  get('/mirror/a;v=1'),
  get('/mirror/a;v=2'),
  get('/of/a'),
  get('/of/A'),
  get('/of/%61'),
  get('/of/a%00b'),
  get('/of/a%0d%0ab'),
  get('/of/a%3Fb=1'),
  get('/of/a?b=1'),
  get('/of/%C3%A9'),
  get('/of/%E9'),
  get(`/of/${long(4_000)}`),
  get(`/of/${long(4_001)}`),
  get(`/mirror?q=${long(12_000)}`),
  get(`/mirror?q=${long(12_000)}y`),
  get(`/mirror?${Array.from({ length: 2_000 }, (_, i) => `p${i}=${i}`).join('&')}`),
  get(`/mirror?${'&'.repeat(8_000)}`),
  get('/mirror', ['Host: SHOP.test']),
  get('/mirror', ['Host: shop.test:80']),
  get('/mirror', ['Host: shop.test.']),
  get('/mirror', ['Host: other.test']),
  get('/mirror', ['Host: other.test', host]),
  get('/mirror', [host, 'Host: other.test']),
  get('/mirror', ['Host: shop.test, other.test']),
  get('/mirror', ['Host: user@shop.test']),
  get('/mirror', ['Host: [::1]:80']),
  get('/mirror', ['Host:']),
  get('/mirror', [host, 'X-Forwarded-Host: evil.test']),
  get('/mirror', [host, 'X-Forwarded-Host: evil.test, shop.test']),
  get('/mirror', [host, 'X-Forwarded-Host: shop.test', 'X-Forwarded-Host: evil.test']),
  get('/mirror', [host, 'X-Forwarded-Proto: https']),
  get('/mirror', [host, 'X-Forwarded-Port: 8443']),
  get('/mirror', [host, 'Forwarded: host=evil.test;proto=https']),
  get('/mirror', [host, 'X-HTTP-Method-Override: DELETE']),
  get('/mirror', [host, 'X-Original-URL: /of/evil']),
  get('/mirror', [host, 'X-Rewrite-URL: /of/evil']),
  get('http://evil.test/mirror'),
  get('http://evil.test/mirror?a=1'),
  get('http://shop.test/mirror'),
  get('//evil.test/mirror'),
  get('/fixed'),
  get('/fixed?evil'),
  get('http://evil.test/fixed'),
  get('/fixed', ['Host: evil.test']),
  get('/fixed', [host, 'X-Forwarded-Host: evil.test']),
  get('/fixed', [host, 'X-Forwarded-Proto: https']),
  get('/mirror', [host, ...Array.from({ length: 500 }, (_, i) => `X-Flood-${i}: ${i}`)]),
  get('/mirror', [host, `X-Flood: ${long(10_000)}`]),
  get('/mirror', [
    host,
    'If-None-Match: "',
    'If-Modified-Since: never',
    'Cache-Control: max-age="',
    'Pragma: ,,',
  ]),
  get('/mirror', [host, 'Accept: ,,;q=', 'Accept-Language: \u00ff', 'Range: bytes=-', 'If-Range: x']),
];

// As behind a proxy that is trusted, which is where these headers mean something.
const prepare = (app: { getHttpAdapter(): { getType(): string } }): void => {
  if (app.getHttpAdapter().getType() === 'express') {
    (app as unknown as NestExpressApplication).set('trust proxy', true).set('query parser', 'extended');
  }
};

describe.each(PLATFORMS)('Whatever is asked of %s', (platform) => {
  let cached: Running;
  let plain: Running;
  beforeAll(async () => {
    cached = await startApp(platform, [MirrorController], { prepare });
    plain = await startApp(platform, [MirrorController], { prepare, global: false });
  });
  afterAll(() => Promise.all([cached.close(), plain.close()]));
  const port = (running: Running) => Number(new URL(running.url).port);

  it('gets the answer that it would get without the cache, in any order', { timeout: 60_000 }, async () => {
    const expected = new Map<string, string>();
    for (const request of REQUESTS) {
      const answer = await send(port(plain), request);
      expected.set(request, `${answer?.status} ${answer?.body}`);
    }
    const rounds = [REQUESTS, REQUESTS, REQUESTS.toReversed()];
    const wrong: string[] = [];
    let hits = 0;
    for (const request of rounds.flat()) {
      const answer = await send(port(cached), request);
      const said = `${answer?.status} ${answer?.body}`;
      if (answer?.cache.includes('hit')) hits += 1;
      if (said !== expected.get(request))
        wrong.push(
          `${request.slice(0, 100)} → ${said.slice(0, 200)} (${answer?.cache}), not ${expected.get(request)?.slice(0, 200)}`,
        );
    }
    expect(wrong).toEqual([]);
    expect(hits).toBeGreaterThan(REQUESTS.length);
  });
});
