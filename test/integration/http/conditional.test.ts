import { Controller, Get, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheTTL } from '../../../src/cache/http/http-cache.decorators.js';
import { PLATFORMS, startApp, type Running } from './fixtures.js';

const MODIFIED = 'Wed, 01 Jul 2026 10:00:00 GMT';

interface Settable {
  header(name: string, value: string): Settable;
}

@Controller()
@CacheTTL(60)
class PagesController {
  runs = 0;
  seen: (string | undefined)[] = [];
  @Get('page') page() {
    this.runs += 1;
    return { page: 'rose' };
  }
  @Get('tagged') tagged(@Res({ passthrough: true }) res: Settable) {
    this.runs += 1;
    res
      .header('ETag', '"v1"')
      .header('Last-Modified', MODIFIED)
      .header('X-Total', '3')
      .header('Cache-Control', 'max-age=30');
    return { page: 'rose' };
  }
  @Get('private') private(@Res({ passthrough: true }) res: Settable) {
    res.header('ETag', '"v1"').header('Cache-Control', 'private');
    return { page: 'rose' };
  }
}

describe.each(PLATFORMS)('Conditions on %s', (platform) => {
  let running: Running;
  let pages: PagesController;
  beforeAll(async () => {
    running = await startApp(platform, [PagesController]);
    pages = running.app.get(PagesController);
  });
  afterAll(() => running.close());

  it('every stored answer has an ETag, the miss already', async () => {
    const miss = await running.ask('/page');
    const hit = await running.ask('/page');
    expect(miss.headers.etag).toMatch(/^W\/"/);
    expect(hit.headers.etag).toBe(miss.headers.etag);
  });

  it('304 for what the client has, whole otherwise', async () => {
    const { headers } = await running.ask('/tagged');
    expect(headers.etag).toBe('"v1"');
    for (const condition of ['"v1"', 'W/"v1"', '"v0", W/"v1"', '*']) {
      const answer = await running.ask('/tagged', { headers: { 'if-none-match': condition } });
      expect([condition, answer.status, answer.bytes.length]).toEqual([condition, 304, 0]);
      expect(answer.headers).toMatchObject({
        etag: '"v1"',
        'cache-control': 'max-age=30',
        'last-modified': MODIFIED,
      });
      expect(answer.headers['content-length']).toBeUndefined();
      expect(answer.cache).toBe('hit');
    }
    for (const condition of ['"v2"', '"v1', 'v1', '']) {
      const answer = await running.ask('/tagged', { headers: { 'if-none-match': condition } });
      expect([condition, answer.status]).toEqual([condition, 200]);
    }
  });

  it('dates count only without an ETag, and only if they can be read', async () => {
    const ask = (headers: Record<string, string>) =>
      running.ask('/tagged', { headers }).then(({ status }) => status);
    expect(await ask({ 'if-modified-since': MODIFIED })).toBe(304);
    expect(await ask({ 'if-modified-since': 'Tue, 30 Jun 2026 10:00:00 GMT' })).toBe(200);
    expect(await ask({ 'if-modified-since': 'tomorrow' })).toBe(200);
    expect(await ask({ 'if-modified-since': MODIFIED, 'if-none-match': '"v2"' })).toBe(200);
  });

  it('a client that always asks with a condition fills the cache all the same', async () => {
    const before = pages.runs;
    const { headers } = await running.ask('/page?fills');
    await running.cache.clear();
    const condition = { 'if-none-match': headers.etag as string };
    const miss = await running.ask('/page?fills', { headers: condition });
    expect([miss.status, miss.bytes.length, miss.cache]).toEqual([304, 0, 'uri-miss; stored']);
    const whole = await running.ask('/page?fills');
    expect([whole.status, whole.cache]).toEqual([200, 'hit']);
    expect(JSON.parse(whole.text)).toEqual({ page: 'rose' });
    expect(pages.runs - before).toBe(2);
  });

  it('an answer that is not stored answers conditions too', async () => {
    const answer = await running.ask('/private', { headers: { 'if-none-match': '"v1"' } });
    expect(answer.status).toBe(304);
    expect((await running.ask('/private')).status).toBe(200);
  });

  it('Age and the time left add up to what the answer allows itself', async () => {
    await running.cache.clear();
    await running.ask('/tagged');
    const hit = await running.ask('/tagged');
    const left = Number(/ttl=(\d+)/.exec(String(hit.headers['cache-status']))?.[1]);
    expect(left).toBeLessThanOrEqual(30);
    expect(left).toBeGreaterThan(20);
  });
});
