import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { createHttpCache } from '../../../src/cache/http/http-cache.middleware.js';
import { model } from '../../../src/cache/tags.js';
import { ask, type Asked } from './fixtures.js';

describe('Plain Express', () => {
  let cache: CacheService;
  let server: Server;
  let runs = 0;
  let version = 1;
  const get = (path: string, options?: Asked) => ask((server.address() as AddressInfo).port, path, options);

  beforeAll(async () => {
    cache = await createCache({ redis: false, jitter: 0 });
    const { cacheAPIResponse, clearModelCacheAfter } = createHttpCache(cache);
    const app = express();
    const router = express.Router();
    router.get('/products', cacheAPIResponse(3600), (_: Request, res: Response) => {
      res.set('X-Total-Count', '2').json({ run: (runs += 1), version });
    });
    router.get(
      '/modelled',
      cacheAPIResponse({ ttl: '1h', tags: [model('Product')] }),
      (_: Request, res: Response) => {
        res.json({ version });
      },
    );
    router.get(
      '/by-body',
      cacheAPIResponse({ tags: [(_, body) => `version:${(body as { version: number }).version}`] }),
      (_: Request, res: Response) => {
        res.json({ version });
      },
    );
    router.get(
      '/mine',
      cacheAPIResponse({ ttl: 60, scope: (ctx) => ctx.headers.authorization }),
      (req: Request, res: Response) => {
        res.json({ for: req.headers.authorization });
      },
    );
    router.get('/file', cacheAPIResponse(60), (_: Request, res: Response) => {
      runs += 1;
      res.sendFile(import.meta.filename, { maxAge: '1m' });
    });
    router.get('/twice', cacheAPIResponse(60), cacheAPIResponse(60), (_: Request, res: Response) => {
      res.send(`run ${(runs += 1)}`);
    });
    router.get('/fails', cacheAPIResponse(60), () => {
      throw new Error(`run ${(runs += 1)}`);
    });
    router.post('/products', clearModelCacheAfter('Product'), (_: Request, res: Response) => {
      version += 1;
      res.redirect(303, '/products');
    });
    router.post('/products/invalid', clearModelCacheAfter('Product'), (_: Request, res: Response) => {
      res.status(422).end();
    });
    app.use('/api', router);
    app.use('/all', clearModelCacheAfter('Product'), router);
    app.get('/products', cacheAPIResponse(60), (_: Request, res: Response) => {
      res.json({ root: true });
    });
    app.use((_error: Error, _: Request, res: Response, next: NextFunction) => {
      if (res.headersSent) return next(_error);
      res.status(500).json({ error: true });
    });
    server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => cache.clear());
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await cache.close();
  });

  it('cacheAPIResponse answers the second request with the first answer, complete', async () => {
    const miss = await get('/api/products?a=1&b=2');
    const hit = await get('/api/products?b=2&a=1');
    expect([miss.cache, hit.cache]).toEqual(['uri-miss; stored', 'hit']);
    expect(hit.text).toBe(miss.text);
    expect(hit.headers).toMatchObject({
      'x-total-count': '2',
      'content-type': 'application/json; charset=utf-8',
      etag: miss.headers.etag,
    });
  });

  it('paths of mounted routers are apart from the same path elsewhere', async () => {
    await get('/api/products');
    expect(JSON.parse((await get('/products')).text)).toEqual({ root: true });
  });

  it('nobody gets the answer of somebody else', async () => {
    await get('/api/products', { headers: { authorization: 'a' } });
    expect((await get('/api/products')).cache).toBe('uri-miss; stored');
    expect((await get('/api/products', { headers: { cookie: 'a=b' } })).cache).toBe('bypass; detail=cookie');
    for (const who of ['a', 'b', 'a', 'b'])
      expect(JSON.parse((await get('/api/mine', { headers: { authorization: who } })).text)).toEqual({
        for: who,
      });
    expect((await get('/api/mine', { headers: { authorization: 'a' } })).cache).toBe('hit');
  });

  it('clearModelCacheAfter makes pages of the model fresh before the writer has its answer', async () => {
    await get('/api/modelled');
    const before = JSON.parse((await get('/api/modelled')).text) as { version: number };
    const written = await get('/api/products', { method: 'POST' });
    expect([written.status, written.headers.location]).toEqual([303, '/products']);
    const after = await get('/api/modelled');
    expect(JSON.parse(after.text)).toEqual({ version: before.version + 1 });
  });

  it('and those of its own path, whatever their tags and queries', async () => {
    const pages = ['/api/products', '/api/products?page=2'];
    for (const page of pages) await get(page);
    for (const page of pages) expect((await get(page)).cache).toBe('hit');
    await get('/api/products', { method: 'POST' });
    for (const page of pages) {
      const { text, cache: status } = await get(page);
      expect([JSON.parse(text).version, status]).toEqual([version, 'uri-miss; stored']);
    }
  });

  it('and leaves them alone after requests that don’t write, where it stands before them too', async () => {
    await get('/all/modelled');
    expect((await get('/all/modelled')).cache).toBe('hit');
    await get('/all/products', { method: 'OPTIONS' });
    expect((await get('/all/modelled')).cache).toBe('hit');
    await get('/all/products', { method: 'POST' });
    expect((await get('/all/modelled')).cache).toBe('uri-miss; stored');
  });

  it('and leaves them alone after a write that failed', async () => {
    await get('/api/modelled');
    expect((await get('/api/products/invalid', { method: 'POST' })).status).toBe(422);
    expect((await get('/api/modelled')).cache).toBe('hit');
  });

  it('tags can be made from the JSON of the answer', async () => {
    await get('/api/by-body');
    await cache.invalidateTags(`version:${version}`);
    expect((await get('/api/by-body')).cache).toBe('uri-miss; stored');
    await cache.invalidateTags('version:0');
    expect((await get('/api/by-body')).cache).toBe('hit');
  });

  it('files are sent from the cache byte by byte, and their own conditions hold', async () => {
    const miss = await get('/api/file');
    const hit = await get('/api/file');
    expect(hit.cache).toBe('hit');
    expect(hit.bytes.equals(miss.bytes)).toBe(true);
    const condition = { 'if-modified-since': String(miss.headers['last-modified']) };
    expect((await get('/api/file', { headers: condition })).status).toBe(304);
    const range = await get('/api/file', { headers: { range: 'bytes=0-5' } });
    expect([range.status, range.bytes.length, range.cache]).toEqual([206, 6, 'bypass; detail=range']);
  });

  it('two on one route are one', async () => {
    const miss = await get('/api/twice');
    const hit = await get('/api/twice');
    expect([miss.cache, hit.cache]).toEqual(['uri-miss; stored', 'hit']);
  });

  it('errors of the handler reach the error handler and are not stored', async () => {
    const before = runs;
    const answers = [await get('/api/fails'), await get('/api/fails')];
    expect(answers.map(({ status }) => status)).toEqual([500, 500]);
    expect(runs - before).toBe(2);
  });

  it('options that can’t be used are refused when the route is made', () => {
    const { cacheAPIResponse, clearModelCacheAfter } = createHttpCache(cache);
    expect(() => cacheAPIResponse('soon')).toThrow(/cacheAPIResponse\(\): ttl is "soon"/);
    expect(() => cacheAPIResponse({ tll: 5 } as object)).toThrow(/there is no option "tll"/);
    expect(() => clearModelCacheAfter()).toThrow(/models is an array that is empty/);
  });
});
