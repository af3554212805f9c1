import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  ForbiddenException,
  Get,
  Header,
  Headers,
  Injectable,
  Logger,
  Param,
  Post,
  Res,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import express from 'express';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCache } from '../../../src/cache/cache.service.js';
import type { HttpCacheRequest } from '../../../src/cache/http/http-cache.context.js';
import {
  CacheEvict,
  CacheKey,
  CacheResponse,
  CacheTags,
  CacheTTL,
  CacheVary,
} from '../../../src/cache/http/http-cache.decorators.js';
import { createHttpCache, HttpCache } from '../../../src/cache/http/http-cache.middleware.js';
import { model } from '../../../src/cache/tags.js';
import { ask, PLATFORMS, startApp, type Running } from './fixtures.js';

interface Known extends HttpCacheRequest {
  user?: { id: string };
}

@Injectable()
class Guard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Known>();
    const { authorization } = request.headers;
    if (authorization === undefined) throw new ForbiddenException();
    request.user = { id: authorization };
    return true;
  }
}

@Controller('shop')
@CacheTTL(60)
class ShopController {
  runs = 0;
  @Get('products') @CacheTags('products', model('Product')) products() {
    return { run: (this.runs += 1) };
  }
  @Get('language') @CacheVary('Accept-Language', 'X-Campaign') language() {
    return { run: (this.runs += 1) };
  }
  @Get('said') said(
    @Headers('accept-language') language = '',
    @Res({ passthrough: true }) response: { header(name: string, value: string): void },
  ) {
    response.header('Vary', 'Accept-Language');
    return { run: (this.runs += 1), language };
  }
  @Get('mine')
  @UseGuards(Guard)
  @CacheResponse({ scope: (ctx) => (ctx.user as Known['user'])?.id })
  mine() {
    return { run: (this.runs += 1) };
  }
  @Get('stale') @CacheResponse({ staleWhileRevalidate: 60 }) @Header('Cache-Control', 'max-age=0') stale() {
    return { run: (this.runs += 1) };
  }
  @Get('own/:id') @CacheKey('own') own(@Param('id') id: string) {
    return { run: (this.runs += 1), id };
  }
  @Get('private') @Header('Cache-Control', 'private') private() {
    return { run: (this.runs += 1) };
  }
  @Get('sent') sent(@Res() response: { send(body: string): void }) {
    response.send(`run ${(this.runs += 1)}`);
  }
  @Post('products') write() {
    return { run: (this.runs += 1) };
  }
}

@Controller('plain')
class PlainController {
  runs = 0;
  @Get() @CacheEvict({ tags: ['products'] }) get() {
    return { run: (this.runs += 1) };
  }
}

describe.each(PLATFORMS)('explain() on %s', (platform) => {
  let running: Running;
  let http: HttpCache;
  let shop: ShopController;
  beforeAll(async () => {
    running = await startApp(platform, [ShopController, PlainController]);
    http = running.app.get(HttpCache);
    shop = running.app.get(ShopController);
  });
  beforeEach(() => running.cache.clear());
  afterAll(() => running.close());
  const host = 'shop.test';

  it('tells a miss, then the hit with its entry, and makes neither', async () => {
    const request = { url: '/shop/products?b=2&a=1', headers: { host } };
    const before = { runs: shop.runs, stats: running.cache.stats() };
    expect(await http.explain(request)).toMatchObject({
      outcome: 'miss',
      reason: 'uri-miss',
      route: { id: 'ShopController#products', ttl: 60, scope: 'none', freshness: 'route', strict: false },
      key: { scheme: 'http', host, path: '/shop/products', query: 'a=1&b=2', scope: null, headers: {} },
    });
    expect({ runs: shop.runs, stats: running.cache.stats() }).toEqual(before);
    expect((await running.ask('/shop/products?a=1&b=2')).cache).toBe('uri-miss; stored');
    const hit = await http.explain(request);
    expect(hit).toMatchObject({ outcome: 'hit', entry: { source: 'memory', status: 200, age: 0 } });
    expect(hit.entry?.freshFor).toBeGreaterThan(50);
    expect(hit.entry?.bytes).toBeGreaterThan(5);
    expect(hit.entry?.tags).toEqual(['products', 'model:Product']);
    expect(hit.entry?.storedAt).toBeInstanceOf(Date);
    await running.cache.invalidateTags('products');
    expect(await http.explain(request)).toMatchObject({ outcome: 'miss', reason: 'uri-miss' });
  });

  it('takes whole URLs, HEAD, and requests of Node', async () => {
    await running.ask('/shop/products');
    for (const request of [
      { url: `http://${host}/shop/products` },
      { method: 'HEAD', url: '/shop/products', headers: { Host: host } },
    ])
      expect(await http.explain(request)).toMatchObject({ outcome: 'hit' });
    expect(await http.explain({ url: `https://${host}/shop/products` })).toMatchObject({
      outcome: 'miss',
      key: { scheme: 'https' },
    });
    await expect(http.explain({ url: 'products' })).rejects.toThrow(
      /explain\(\): url is "products"; expected a path/,
    );
  });

  it.each([
    [{ cookie: 'a=b' }, 'cookie'],
    [{ authorization: 'Bearer x' }, 'authorization'],
    [{ range: 'bytes=0-1' }, 'range'],
    [{ 'x-original-url': '/other' }, 'x-original-url'],
  ])('tells why %o bypasses', async (headers, reason) => {
    await running.ask('/shop/products');
    const explanation = await http.explain({ url: '/shop/products', headers: { host, ...headers } });
    expect(explanation).toMatchObject({ outcome: 'bypass', reason });
  });

  it('tells which header values the answer depends on, and no secret', async () => {
    const headers = { host, 'accept-language': 'de', 'x-campaign': 'secret-campaign' };
    await running.ask('/shop/language', { headers });
    const explanation = await http.explain({ url: '/shop/language', headers });
    expect(explanation).toMatchObject({ outcome: 'hit', key: { headers: { 'accept-language': 'de' } } });
    expect(JSON.stringify(explanation)).not.toContain('secret');
    const other = await http.explain({
      url: '/shop/language',
      headers: { ...headers, 'x-campaign': 'other' },
    });
    expect(other.outcome).toBe('miss');
    expect(other.key?.headers['x-campaign']).not.toBe(explanation.key?.headers['x-campaign']);
    await running.ask('/shop/said', { headers: { 'accept-language': 'de' } });
    expect(
      await http.explain({ url: '/shop/said', headers: { host, 'accept-language': 'de' } }),
    ).toMatchObject({
      outcome: 'hit',
    });
    expect(
      await http.explain({ url: '/shop/said', headers: { host, 'accept-language': 'en' } }),
    ).toMatchObject({
      outcome: 'miss',
      reason: 'vary-miss',
      key: { headers: { 'accept-language': 'en' } },
    });
  });

  it('goes through guards: who is let in has an answer of their own, others have none', async () => {
    const headers = { host, authorization: 'secret-of-alice' };
    await running.ask('/shop/mine', { headers });
    const alice = await http.explain({ url: '/shop/mine', headers });
    expect(alice).toMatchObject({ outcome: 'hit', route: { scope: 'function' } });
    expect(alice.key?.scope).toMatch(/^#/);
    expect(JSON.stringify(alice)).not.toContain('secret');
    const bob = await http.explain({ url: '/shop/mine', headers: { host, authorization: 'bob' } });
    expect(bob.outcome).toBe('miss');
    expect(bob.key?.scope).not.toBe(alice.key?.scope);
    expect(await http.explain({ url: '/shop/mine', headers: { host } })).toEqual({
      outcome: 'uncached',
      reason: '403',
    });
  });

  it('tells what is stale, what could not be shared, and the author’s key', async () => {
    await running.ask('/shop/stale');
    // In the millisecond in which it is stored nobody could have asked for anything newer: a hit.
    const askAgain = () => http.explain({ url: '/shop/stale', headers: { host } });
    await expect.poll(askAgain, { interval: 5 }).toMatchObject({
      outcome: 'stale',
      reason: 'stale-while-revalidate',
      entry: { staleWhileRevalidate: 60 },
    });
    await running.ask('/shop/private');
    expect(await http.explain({ url: '/shop/private', headers: { host } })).toMatchObject({
      outcome: 'miss',
      reason: 'uncacheable',
    });
    const own = { url: '/shop/own/1', headers: { host } };
    expect(await http.explain(own)).toMatchObject({ outcome: 'miss', key: { userKey: 'own' } });
    await running.ask('/shop/own/1');
    expect(await http.explain(own)).toMatchObject({ outcome: 'hit' });
    await running.ask('/shop/sent');
    expect(await http.explain({ url: '/shop/sent', headers: { host } })).toMatchObject({ outcome: 'hit' });
  });

  it('runs no handler, evicts nothing and writes nothing', async () => {
    await running.ask('/shop/products');
    const { runs } = shop;
    expect(await http.explain({ url: '/plain', headers: { host } })).toEqual({
      outcome: 'uncached',
      reason: 'route',
    });
    expect(running.app.get(PlainController).runs).toBe(0);
    expect((await running.ask('/shop/products')).cache).toBe('hit');
    expect(await http.explain({ method: 'POST', url: '/shop/products' })).toEqual({
      outcome: 'bypass',
      reason: 'method',
    });
    expect(await http.explain({ url: '/nowhere' })).toEqual({ outcome: 'uncached', reason: '404' });
    expect(shop.runs).toBe(runs);
  });
});

it('explain() without Nest asks the application that it is given', async () => {
  const cache = await createCache({ redis: false });
  const http = createHttpCache(cache);
  let runs = 0;
  const app = express();
  app.get('/products', http.cacheAPIResponse(60), (_, response) => void response.json({ run: (runs += 1) }));
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const request = { url: '/products', headers: { host: 'shop.test' } };
    expect(await http.explain(request, app)).toMatchObject({ outcome: 'miss' });
    await ask(port, '/products');
    expect(await http.explain(request, app)).toMatchObject({ outcome: 'hit' });
    expect(await http.explain(request, server)).toMatchObject({ outcome: 'hit' });
    expect(runs).toBe(1);
    await expect(http.explain(request)).rejects.toThrow(
      /there is no application to ask; expected the Express/,
    );
  } finally {
    server.close();
    await cache.close();
  }
});

describe('The debug log', () => {
  it.each(PLATFORMS)(
    'has one line per request on %s, with why, and without query or header',
    async (platform) => {
      const lines: string[] = [];
      const debug = vi
        .spyOn(Logger.prototype, 'debug')
        .mockImplementation((line) => void lines.push(String(line)));
      const enabled = vi.spyOn(Logger, 'isLevelEnabled').mockReturnValue(true);
      const running = await startApp(platform, [ShopController]);
      try {
        await running.ask('/shop/products?token=secret');
        await running.ask('/shop/products?token=secret');
        await running.ask('/shop/products', { headers: { cookie: 'session=secret' } });
        await vi.waitFor(() => expect(lines).toHaveLength(3));
        expect(lines[0]).toBe(
          'GET "/shop/products" 200 ShopController#products: flora; fwd=uri-miss; stored',
        );
        expect(lines[1]).toMatch(/^GET "\/shop\/products" 200 ShopController#products: flora; hit; ttl=\d+$/);
        expect(lines[2]).toBe(
          'GET "/shop/products" 200 ShopController#products: flora; fwd=bypass; detail=cookie',
        );
        enabled.mockReturnValue(false);
        await running.ask('/shop/products');
        expect(lines).toHaveLength(3);
      } finally {
        await running.close();
        debug.mockRestore();
        enabled.mockRestore();
      }
    },
  );
});
