import { BadRequestException, Body, Controller, Get, Post, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CacheEvict,
  CacheResponse,
  CacheTags,
  CacheTTL,
} from '../../../src/cache/http/http-cache.decorators.js';
import { model } from '../../../src/cache/tags.js';
import { PLATFORMS, startApp, type Running } from './fixtures.js';

interface AnyResponse {
  raw?: ServerResponse;
}

@Controller()
class ProductsController {
  version = 1;
  runs = 0;

  @Get('tagged') @CacheTTL(60) @CacheTags('products') tagged() {
    this.runs += 1;
    return { version: this.version };
  }
  @Get('modelled') @CacheTTL(60) @CacheTags(model('Product')) modelled() {
    return { version: this.version };
  }
  @Get('by-body')
  @CacheResponse<never>({
    ttl: 60,
    tags: [(_, body) => (body as { ids: number[] }).ids.map((id) => `product:${id}`)],
  })
  byBody() {
    return { version: this.version, ids: [1, 2] };
  }

  @Post('write') @CacheEvict({ tags: ['products'], models: ['Product'] }) write() {
    return { version: (this.version += 1) };
  }
  @Post('write-one') @CacheEvict({ tags: (ctx) => [`product:${String(ctx.query['id'])}`] }) writeOne() {
    return { version: (this.version += 1) };
  }
  @Post('write-raw') @CacheEvict({ tags: ['products'] }) writeRaw(@Res() response: AnyResponse) {
    const raw = response.raw ?? (response as ServerResponse);
    raw.writeHead(201, { 'content-type': 'text/plain' });
    raw.write('written ');
    this.version += 1;
    raw.end('at last');
  }
  @Post('fail') @CacheEvict({ tags: ['products'], models: ['Product'] }) fail() {
    throw new BadRequestException();
  }
  @Post('quiet-fail') @CacheEvict({ tags: ['products'] }) quietFail(
    @Res({ passthrough: true }) response: AnyResponse,
  ) {
    (response.raw ?? (response as ServerResponse)).statusCode = 422;
    return { error: true };
  }
  @Post('echo') @CacheEvict({ tags: ['other'] }) echo(@Body() body: object) {
    return body;
  }
}

describe.each(PLATFORMS)('After a write on %s', (platform) => {
  let running: Running;
  beforeAll(async () => {
    running = await startApp(platform, [ProductsController]);
  });
  beforeEach(() => running.cache.clear());
  afterAll(() => running.close());

  const cached = async (path: string) => {
    await running.ask(path);
    const hit = await running.ask(path);
    expect(hit.cache).toBe('hit');
    return JSON.parse(hit.text) as { version: number };
  };

  it.each([
    ['/tagged', '/write'],
    ['/modelled', '/write'],
    ['/by-body', '/write-one?id=2'],
    ['/tagged', '/write-raw'],
  ])('%s is fresh for whoever has the answer of %s', async (page, write) => {
    const before = await cached(page);
    const written = await running.ask(write, { method: 'POST' });
    expect(written.status).toBe(201);
    const after = await running.ask(page);
    expect(after.cache).toBe('uri-miss; stored');
    expect(JSON.parse(after.text)).toMatchObject({ version: before.version + 1 });
  });

  it('its own response is whole', async () => {
    const raw = await running.ask('/write-raw', { method: 'POST' });
    expect(raw.text).toBe('written at last');
    const echo = await running.ask('/echo', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":"ü"}',
    });
    expect(JSON.parse(echo.text)).toEqual({ a: 'ü' });
    expect(echo.cache).toBeUndefined();
  });

  it.each(['/fail', '/quiet-fail'])('%s: a write that failed drops nothing', async (write) => {
    await cached('/tagged');
    expect((await running.ask(write, { method: 'POST' })).status).toBeGreaterThanOrEqual(400);
    expect((await running.ask('/tagged')).cache).toBe('hit');
  });

  it('other tags stay', async () => {
    await cached('/by-body');
    await running.ask('/write', { method: 'POST' });
    await running.ask('/write-one?id=7', { method: 'POST' });
    expect((await running.ask('/by-body')).cache).toBe('hit');
  });

  it('clearModelCache drops the pages of a model', async () => {
    await cached('/modelled');
    await running.cache.clearModelCache('Product');
    expect((await running.ask('/modelled')).cache).toBe('uri-miss; stored');
  });

  it('an answer that was being made before the write is not kept after it', async () => {
    const products = running.app.get(ProductsController);
    const [page] = await Promise.all([
      running.ask('/tagged?racing'),
      running.cache.invalidateTags('products'),
    ]);
    expect(page.status).toBe(200);
    products.version += 1;
    await running.cache.invalidateTags('products');
    expect(JSON.parse((await running.ask('/tagged?racing')).text)).toEqual({ version: products.version });
  });
});
