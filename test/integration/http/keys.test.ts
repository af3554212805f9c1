import { Controller, Get, Param, Query, Req, Res, Version, VersioningType } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CacheEvict,
  CacheKey,
  CacheResponse,
  CacheTTL,
} from '../../../src/cache/http/http-cache.decorators.js';
import { PLATFORMS, startApp, type Running } from './fixtures.js';
import { Post } from '@nestjs/common';

@Controller('products')
@CacheTTL(60)
class ProductsController {
  runs = 0;
  #run() {
    return { run: (this.runs += 1) };
  }
  @Get() list(@Query() query: Record<string, unknown>) {
    return { ...this.#run(), query };
  }
  @Get('only') @CacheResponse({ ttl: 30, query: { only: ['page'] } }) only(@Query('page') page = '1') {
    return { ...this.#run(), page };
  }
  @Get('without-tracking') @CacheResponse({ query: { ignore: ['utm_*', 'gclid'] } }) withoutTracking() {
    return this.#run();
  }
  @Get('keyed') @CacheKey('products') keyed(
    @Req() request: { headers: Record<string, string> },
    @Res({ passthrough: true }) res: { header(n: string, v: string): void },
  ) {
    res.header('Vary', 'Accept-Language');
    return { ...this.#run(), language: request.headers['accept-language'], host: request.headers.host };
  }
  @Get('of/:id') @CacheKey((ctx) => `product:${ctx.params.id}`) one(@Param('id') id: string) {
    return { ...this.#run(), id };
  }
  @Post('keyed') @CacheEvict({ keys: ['products'] }) evict() {
    return {};
  }
}

/** The same name, method and path as the other, of another version. */
const versioned = (version: string) => {
  @Controller('versioned')
  @CacheTTL(60)
  class VersionedController {
    @Get() @Version(version) get() {
      return { version };
    }
  }
  return VersionedController;
};

@Controller('any-version')
@CacheTTL(60)
class AnyVersionController {
  @Get() @Version(['1', '2']) get(@Req() request: { headers: Record<string, string> }) {
    return { asked: request.headers['accept-version'] };
  }
}

describe.each(PLATFORMS)('Keys on %s', (platform) => {
  let running: Running;
  let products: ProductsController;
  beforeAll(async () => {
    running = await startApp(platform, [ProductsController]);
    products = running.app.get(ProductsController);
  });
  afterAll(() => running.close());

  it('the order of query parameters does not matter, their values do', async () => {
    const first = await running.ask('/products?a=1&b=2&c=x');
    const other = await running.ask('/products?c=x&b=2&a=1');
    expect(other.cache).toBe('hit');
    expect(other.text).toBe(first.text);
    for (const different of ['?a=2&b=1&c=x', '?a=1&b=2', '?a=1&b=2&c=x&d', '?a=1;b=2;c=x', ''])
      expect((await running.ask(`/products${different}`)).cache).toBe('uri-miss; stored');
  });

  it('values of one name keep their order', async () => {
    await running.ask('/products?t=1&t=2');
    const other = await running.ask('/products?t=2&t=1');
    expect(other.cache).toBe('uri-miss; stored');
    expect(JSON.parse(other.text)).toMatchObject({ query: { t: ['2', '1'] } });
  });

  it('only declared parameters matter, however they are spelled', async () => {
    const first = await running.ask('/products/only?page=2&x=1');
    expect((await running.ask('/products/only?x=2&page=2')).text).toBe(first.text);
    const spelled = await running.ask('/products/only?%70age=3');
    expect(JSON.parse(spelled.text)).toMatchObject({ page: '3' });
    expect(JSON.parse((await running.ask('/products/only')).text)).toMatchObject({ page: '1' });
  });

  it('ignored parameters do not matter', async () => {
    const first = await running.ask('/products/without-tracking?utm_source=mail');
    expect((await running.ask('/products/without-tracking?gclid=1&utm_medium=x')).text).toBe(first.text);
    expect((await running.ask('/products/without-tracking?page=2')).text).not.toBe(first.text);
  });

  it.each([
    '/products?' + 'x'.repeat(7_000),
    '/products?a=%00&b=%2F%2e%2e',
    '/products?a=%zz&%',
    '/products?&&=&[x]=1&]=2',
  ])('odd targets are keys like any other: %#', async (path) => {
    const first = await running.ask(path);
    expect(first.status).toBe(200);
    const second = await running.ask(path);
    expect(second.cache).toBe('hit');
    expect(second.text).toBe(first.text);
  });

  it('a key of the author takes the place of path and query, not of host and headers', async () => {
    const ask = (host: string, language: string, query = '') =>
      running.ask(`/products/keyed${query}`, { headers: { host, 'accept-language': language } });
    for (const host of ['a.test', 'b.test'])
      for (const language of ['de', 'en'])
        expect(JSON.parse((await ask(host, language)).text)).toMatchObject({ host, language });
    for (const host of ['a.test', 'b.test'])
      for (const language of ['de', 'en']) {
        const hit = await ask(host, language, '?other=query');
        expect(hit.cache).toBe('hit');
        expect(JSON.parse(hit.text)).toMatchObject({ host, language });
      }
  });

  it.each([
    ['cache.delete', async () => running.cache.delete('products')],
    ['cache.clearPattern', async () => running.cache.clearPattern('prod*s')],
    ['cache.clear', async () => running.cache.clear()],
    ['@CacheEvict', async () => running.ask('/products/keyed', { method: 'POST' })],
  ])('%s drops every answer under a key', async (_, drop) => {
    const ask = (language: string) =>
      running.ask('/products/keyed', { headers: { 'accept-language': language } });
    await ask('de');
    await ask('en');
    expect((await ask('de')).cache).toBe('hit');
    expect(await running.cache.has('products')).toBe(true);
    await drop();
    expect(await running.cache.has('products')).toBe(false);
    const before = products.runs;
    for (const language of ['de', 'en']) expect((await ask(language)).cache).not.toBe('hit');
    expect(products.runs - before).toBe(2);
    expect((await ask('de')).cache).toBe('hit');
  });

  it('a key that can’t be one bypasses', async () => {
    // Fastify has a limit of its own for parameters.
    for (const id of platform === 'express' ? ['%00', 'x'.repeat(3_000)] : ['%00'])
      expect((await running.ask(`/products/of/${id}`)).cache).toBe('bypass; detail=key');
  });

  it('keys made from the request are apart', async () => {
    await running.ask('/products/of/1');
    await running.ask('/products/of/2');
    await running.cache.delete('product:1');
    expect((await running.ask('/products/of/1')).cache).toBe('uri-miss; stored');
    const two = await running.ask('/products/of/2');
    expect(two.cache).toBe('hit');
    expect(JSON.parse(two.text)).toMatchObject({ id: '2' });
  });

  it('a value that the application keeps under the same key is not served, nor read as an answer', async () => {
    await running.cache.set('product:3', { secret: true });
    const answer = await running.ask('/products/of/3');
    expect(JSON.parse(answer.text)).toMatchObject({ id: '3' });
    expect(await running.cache.get('product:3')).toBeUndefined();
    await running.cache.set('product:3', 'mine');
    expect((await running.ask('/products/of/3')).cache).toBe('uri-miss; stored');
  });

  it('header values beyond reason are answered but not stored', async () => {
    const ask = (language: string) =>
      running.ask('/products/keyed', { headers: { 'accept-language': language } });
    await running.cache.delete('products');
    for (let n = 0; n < 64; n += 1) await ask(`x-${n}`);
    await ask('x-flood');
    const flood = await ask('x-flood');
    expect(flood.status).toBe(200);
    expect(JSON.parse(flood.text)).toMatchObject({ language: 'x-flood' });
    expect(flood.cache).not.toBe('hit');
    expect((await ask('x-1')).cache).toBe('hit');
  });
});

describe.each(PLATFORMS)('Versions of one route on %s', (platform) => {
  let running: Running;
  beforeAll(async () => {
    running = await startApp(platform, [versioned('1'), versioned('2'), AnyVersionController], {
      prepare: (app) => void app.enableVersioning({ type: VersioningType.HEADER, header: 'Accept-Version' }),
    });
  });
  afterAll(() => running.close());

  it('do not answer each other, even with the same class name', async () => {
    for (const version of ['1', '2', '1', '2']) {
      const answer = await running.ask('/versioned', { headers: { 'accept-version': version } });
      expect(JSON.parse(answer.text)).toEqual({ version });
    }
  });

  it('are apart where one handler serves several', async () => {
    for (const version of ['1', '2', '1', '2']) {
      const answer = await running.ask('/any-version', { headers: { 'accept-version': version } });
      expect(JSON.parse(answer.text)).toEqual({ asked: version });
    }
  });
});

/** The same name and method in two versions of the URL, under one key. */
const keyedVersion = (version: string) => {
  @Controller({ path: 'keyed-version', version })
  @CacheTTL(60)
  @CacheKey('one-key')
  class KeyedController {
    @Get() get() {
      return { version };
    }
  }
  return KeyedController;
};

describe.each(PLATFORMS)('One key in two versions of the URL on %s', (platform) => {
  it('does not make one answer the other', async () => {
    const running = await startApp(platform, [keyedVersion('1'), keyedVersion('2')], {
      prepare: (app) => void app.enableVersioning({ type: VersioningType.URI }),
    });
    for (const version of ['1', '2', '1', '2'])
      expect(JSON.parse((await running.ask(`/v${version}/keyed-version`)).text)).toEqual({ version });
    await running.close();
  });
});
