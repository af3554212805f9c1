import { Controller, Get, Injectable, Req, ServiceUnavailableException, UseGuards } from '@nestjs/common';
import type { CanActivate } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CacheResponse } from '../../../src/cache/http/http-cache.decorators.js';
import { PLATFORMS, startApp, type Running } from './fixtures.js';
import { play, script, ScriptedController, SetClock } from './scripted.js';

let guarded = 0;
let isDown = false;

@Injectable()
class CountingGuard implements CanActivate {
  canActivate() {
    guarded += 1;
    return true;
  }
}

@Controller('nest')
class NestController {
  static runs: { address: string | undefined; url: string | undefined }[] = [];

  @Get('object')
  @UseGuards(CountingGuard)
  @CacheResponse({ ttl: 10, staleWhileRevalidate: 100, staleIfError: 100 })
  object(@Req() request: { raw?: IncomingMessage } & IncomingMessage) {
    const raw = request.raw ?? request;
    NestController.runs.push({ address: raw.socket.remoteAddress, url: raw.url });
    if (isDown) throw new ServiceUnavailableException('the database is away');
    return { run: NestController.runs.length };
  }
}

describe.each(PLATFORMS)('Stale answers on %s', (platform) => {
  const clock = new SetClock();
  let app: Running;
  /** What was learnt of another test's path is not to be known here. */
  let test = 0;
  let stale = '';
  beforeAll(async () => {
    app = await startApp(platform, [ScriptedController, NestController], { cache: { clock } });
  });
  afterAll(() => app.close());
  beforeEach(() => {
    isDown = false;
    guarded = 0;
    NestController.runs = [];
    stale = `/stale?test=${(test += 1)}`;
  });
  const later = (seconds: number) => (clock.time += seconds * 1_000);
  const settled = (runs: number) => vi.waitFor(() => expect(script.asked).toHaveLength(runs));
  const refreshed = (path: string, text: string) =>
    vi.waitFor(async () => expect((await app.ask(path)).text).toBe(text));

  it('one is served at once, and the handler runs once more for the next', async () => {
    play({});
    await app.ask(stale);
    later(15);
    const answer = await app.ask(stale, { headers: { 'x-mark': 'second' } });
    expect(answer).toMatchObject({ status: 200, text: 'answer 1', cache: 'hit' });
    expect(answer.headers.age).toBe('15');
    expect(answer.headers['cache-status']).toBe('flora; hit; ttl=-5');
    await refreshed(stale, 'answer 2');
    expect(script.asked).toHaveLength(2);
    expect(script.asked[1]?.['x-mark']).toBe('second');
    expect(script.asked[1]?.host).toBe('shop.test');
  });

  it('many at once make the handler run once', async () => {
    play({});
    await app.ask(stale);
    later(15);
    const answers = await Promise.all(Array.from({ length: 30 }, () => app.ask(stale)));
    expect(answers[0]?.text).toBe('answer 1');
    expect(answers.every(({ text }) => text === 'answer 1' || text === 'answer 2')).toBe(true);
    await refreshed(stale, 'answer 2');
    expect(script.asked).toHaveLength(2);
  });

  it('the client does not wait for the handler', async () => {
    let go!: () => void;
    play({}, { after: new Promise<void>((resolve) => (go = resolve)) });
    await app.ask(stale);
    later(15);
    expect((await app.ask(stale)).text).toBe('answer 1');
    await settled(2);
    expect((await app.ask(stale)).text).toBe('answer 1');
    go();
    await refreshed(stale, 'answer 2');
  });

  it('after the window the handler is asked first', async () => {
    play({});
    await app.ask(stale);
    later(31);
    expect(await app.ask(stale)).toMatchObject({ text: 'answer 2', cache: 'stale; stored' });
  });

  it('what became private meanwhile is served stale no more', async () => {
    play({}, { headers: { 'cache-control': 'private' }, body: 'mine' });
    await app.ask(stale);
    later(15);
    await app.ask(stale);
    await settled(2);
    await vi.waitFor(async () =>
      expect(await app.ask(stale)).toMatchObject({ text: 'mine', cache: 'uri-miss; detail=private' }),
    );
  });

  it.each([500, 502, 503, 504])('a %d of the handler is answered with the stale one', async (status) => {
    play({ headers: { 'x-of': 'the answer' } }, { status, headers: { 'retry-after': '9' }, body: 'no' });
    await app.ask(stale);
    later(40);
    const answer = await app.ask(stale);
    expect(answer).toMatchObject({ status: 200, text: 'answer 1' });
    expect(answer.headers).toMatchObject({ age: '40', 'x-of': 'the answer' });
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(answer.cache).toBe(`stale; fwd-status=${status}; detail=stale-if-error`);
  });

  it('a failing handler is left alone for a second, then asked again', async () => {
    play({}, { status: 503 });
    await app.ask(stale);
    later(40);
    await app.ask(stale);
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.ask(stale)));
    expect(answers.every(({ text, status }) => text === 'answer 1' && status === 200)).toBe(true);
    expect(script.asked).toHaveLength(2);
  });

  it.each([
    [400, 100],
    [404, 40],
    [501, 40],
    [503, 80],
  ])('a %d after %d s goes out as it is', async (status, after) => {
    play({}, { status, body: 'no' });
    await app.ask(stale);
    later(after);
    expect(await app.ask(stale)).toMatchObject({ status, text: 'no' });
  });

  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=9'])('%s forbids it', async (directive) => {
    play({ headers: { 'cache-control': `max-age=9, ${directive}` } }, { status: 503, body: 'no' });
    await app.ask(stale);
    later(12);
    expect(await app.ask(stale)).toMatchObject({ status: 503, text: 'no' });
  });

  it('the answer says itself how long it may be served stale', async () => {
    const control = 'max-age=5, stale-while-revalidate=50, stale-if-error=500';
    play({ headers: { 'cache-control': control } }, { status: 503 }, { status: 503 }, {});
    await app.ask('/ttl');
    later(50);
    expect((await app.ask('/ttl')).headers['cache-status']).toBe('flora; hit; ttl=-45');
    await settled(2);
    later(400);
    expect(await app.ask('/ttl')).toMatchObject({ status: 200, text: 'answer 1' });
  });

  it('guards run for the request in the background, which comes from the same client', async () => {
    await app.ask('/nest/object?a=1');
    later(15);
    expect((await app.ask('/nest/object?a=1')).text).toBe('{"run":1}');
    await refreshed('/nest/object?a=1', '{"run":2}');
    expect(NestController.runs[1]).toEqual({ address: '127.0.0.1', url: '/nest/object?a=1' });
    expect(guarded).toBeGreaterThanOrEqual(4);
  });

  it('an exception of a handler is answered with the stale one, and 503 when that is too old', async () => {
    await app.ask(`/nest/object?test=${test}`);
    isDown = true;
    later(15);
    expect(await app.ask(`/nest/object?test=${test}`)).toMatchObject({ status: 200, text: '{"run":1}' });
    later(90);
    expect(await app.ask(`/nest/object?test=${test}`)).toMatchObject({ status: 200, text: '{"run":1}' });
    later(90);
    expect(await app.ask(`/nest/object?test=${test}`)).toMatchObject({ status: 503 });
  });

  it('HEAD gets the head of the stale one, and its refresh is a GET', async () => {
    play({});
    await app.ask(stale);
    later(15);
    expect(await app.ask(stale, { method: 'HEAD' })).toMatchObject({
      status: 200,
      text: '',
      cache: 'hit',
    });
    await refreshed(stale, 'answer 2');
  });
});
