import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLATFORMS, startApp, type Running } from './fixtures.js';
import { play, script, ScriptedController, SetClock } from './scripted.js';

describe.each(PLATFORMS)('Freshness, revalidation and request directives on %s', (platform) => {
  const clock = new SetClock();
  let app: Running;
  let test = 0;
  beforeAll(async () => {
    app = await startApp(platform, [ScriptedController], { cache: { clock } });
  });
  afterAll(() => app.close());
  beforeEach(() => (test += 1));
  const later = (seconds: number) => (clock.time += seconds * 1_000);
  const at = (path: string) => `/${path}?test=${test}`;
  const date = (seconds: number) => new Date(clock.time + seconds * 1_000).toUTCString();
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    app.ask(at(path), { headers, method });

  it.each([
    ['max-age', () => ({ 'cache-control': 'max-age=30' })],
    ['s-maxage before max-age', () => ({ 'cache-control': 'max-age=1, s-maxage=30' })],
    ['Expires', () => ({ expires: date(30) })],
    ['a tenth of the time since Last-Modified', () => ({ 'last-modified': date(-300) })],
    [
      'CDN-Cache-Control before no-store',
      () => ({ 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=30' }),
    ],
  ])('the answer says how long it is fresh: %s', async (_, headers) => {
    play({ headers: headers() });
    await ask('response');
    later(29);
    expect(await ask('response')).toMatchObject({ text: 'answer 1', cache: 'hit' });
    later(2);
    expect((await ask('response')).text).toBe('answer 2');
  });

  it.each([
    ['nothing', {}],
    ['max-age=0', { 'cache-control': 'max-age=0' }],
    ['private', { 'cache-control': 'private, max-age=9' }],
    ['a cookie', { 'cache-control': 'max-age=9', 'set-cookie': 'a=b' }],
    ['a field that is no dictionary', { 'cdn-cache-control': 'max-age=9, &' }],
  ])('what says %s is not stored', async (_, headers) => {
    play({ headers });
    await ask('response');
    expect((await ask('response')).text).toBe('answer 2');
  });

  it.each([200, 204, 302, 404, 410, 503])('a %d that says so is served as it was', async (status) => {
    play({
      status,
      headers: { 'cache-control': 'max-age=30', location: '/x' },
      body: status === 204 ? '' : 'body',
    });
    const first = await ask('response');
    const second = await ask('response');
    expect(second).toMatchObject({ status, text: first.text, cache: 'hit' });
    expect(second.headers.location).toBe('/x');
    expect(second.headers.date).toBe(date(0));
  });

  it('the ttl is the most that an answer may claim', async () => {
    play({ headers: { 'cache-control': 'max-age=1000' } });
    await ask('public');
    later(101);
    expect((await ask('public')).text).toBe('answer 2');
  });

  it('a request with Authorization is answered for others only if the answer allows it', async () => {
    play(
      { headers: { 'cache-control': 'max-age=30' } },
      { headers: { 'cache-control': 'max-age=30, public' } },
    );
    expect((await ask('public', { authorization: 'a' })).cache).toBe('uri-miss; detail=authorization');
    await ask('public', { authorization: 'a' });
    expect(await ask('public', { authorization: 'b' })).toMatchObject({ text: 'answer 2', cache: 'hit' });
  });

  it('the handler is asked conditionally, and its 304 makes what is there fresh', async () => {
    const control = { 'cache-control': 'max-age=10' };
    const news = { 'cache-control': 'max-age=50', 'x-news': 'yes', 'content-type': 'text/none' };
    play(
      { headers: { ...control, etag: '"v1"', 'last-modified': date(-99), 'content-type': 'text/plain' } },
      { status: 304, headers: news },
    );
    await ask('response');
    later(11);
    const freshened = await ask('response', { 'if-none-match': '"mine"' });
    expect(script.asked[1]).toMatchObject({ 'if-none-match': '"v1"' });
    expect(script.asked[1]?.['if-modified-since']).toBeDefined();
    expect(freshened).toMatchObject({
      status: 200,
      text: 'answer 1',
      cache: 'stale; fwd-status=304; stored',
    });
    expect(freshened.headers).toMatchObject({ etag: '"v1"', 'x-news': 'yes', 'content-type': 'text/plain' });
    later(40);
    expect(await ask('response')).toMatchObject({ status: 200, text: 'answer 1', cache: 'hit' });
    expect((await ask('response', { 'if-none-match': '"v1"' })).status).toBe(304);
  });

  it('no-cache: stored, and compared at each use', async () => {
    play({ headers: { 'cache-control': 'no-cache', etag: '"v1"' } }, { status: 304 }, { status: 304 }, {});
    await ask('response');
    expect(await ask('response')).toMatchObject({ status: 200, text: 'answer 1' });
    expect(await ask('response')).toMatchObject({ status: 200, text: 'answer 1' });
    expect(script.asked).toHaveLength(3);
    expect((await ask('response')).text).toBe('answer 4');
  });

  it('many who find it stale at once wait for one revalidation', async () => {
    play(
      { headers: { 'cache-control': 'max-age=10', etag: '"v1"' } },
      { status: 304, headers: { 'cache-control': 'max-age=10' } },
    );
    await ask('response');
    later(11);
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask('response')));
    expect(answers.every(({ status, text }) => status === 200 && text === 'answer 1')).toBe(true);
    expect(script.asked).toHaveLength(2);
  });

  it.each([
    ['no-cache', 1, 'answer 2'],
    ['max-age=3', 5, 'answer 2'],
    ['max-age=9', 5, 'answer 1'],
    ['min-fresh=8', 5, 'answer 2'],
    ['min-fresh=3', 5, 'answer 1'],
    ['max-stale=30', 30, 'answer 1'],
    ['max-stale', 30, 'answer 1'],
    ['max-stale=5', 30, 'answer 2'],
    ['no-store', 1, 'answer 2'],
    ['max-age=x, ===', 1, 'answer 1'],
  ])('a request with %s after %d s gets %s', async (control, after, text) => {
    play({ headers: { 'cache-control': 'stale-while-revalidate=0, stale-if-error=60' } });
    await ask('asked');
    later(after);
    expect((await ask('asked', { 'cache-control': control })).text).toBe(text);
  });

  it('what a client asked to be loaded anew is there for the next', async () => {
    play({});
    await ask('asked');
    later(1);
    expect(await ask('asked', { 'cache-control': 'no-cache' })).toMatchObject({ cache: 'request; stored' });
    expect(await ask('asked')).toMatchObject({ text: 'answer 2', cache: 'hit' });
  });

  it('only-if-cached: 504 without running the handler', async () => {
    play({});
    const control = { 'cache-control': 'only-if-cached' };
    expect(await ask('asked', control)).toMatchObject({ status: 504, cache: 'detail=only-if-cached' });
    expect(script.asked).toHaveLength(0);
    await ask('asked');
    expect(await ask('asked', control)).toMatchObject({ status: 200, text: 'answer 1' });
  });

  it('directives of requests mean nothing where the route does not allow them', async () => {
    play({});
    await ask('ttl');
    expect((await ask('ttl', { 'cache-control': 'no-cache', pragma: 'no-cache' })).text).toBe('answer 1');
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'a successful %s drops what is under its path',
    async (method) => {
      play({});
      await ask('ttl');
      await app.ask('/ttl?another', { method });
      expect((await ask('ttl')).text).toBe('answer 3');
    },
  );

  it('a failed write, a safe request and a route that says so drop nothing', async () => {
    play({}, { status: 409 }, {});
    await ask('ttl');
    await app.ask('/ttl', { method: 'POST' });
    await app.ask('/ttl', { method: 'OPTIONS' });
    expect((await ask('ttl')).text).toBe('answer 1');
    await ask('kept');
    await app.ask('/kept', { method: 'POST' });
    expect((await ask('kept')).cache).toBe('hit');
  });

  it.each(['location', 'content-location'])(
    '%s of the same host is dropped, too, and no other',
    async (name) => {
      for (const [target, text] of [
        [`http://elsewhere.test/ttl`, 'answer 1'],
        [`http://shop.test/ttl?x`, 'answer 3'],
        [`/ttl`, 'answer 3'],
        ['ttl', 'answer 3'],
        ['http://[', 'answer 1'],
      ] as const) {
        test += 1;
        play({}, { status: 201, headers: { [name]: target } }, {});
        await ask('ttl');
        await app.ask('/stale', { method: 'POST' });
        expect([target, (await ask('ttl')).text]).toEqual([target, text]);
      }
    },
  );

  it('parts of a stored answer, where freshness is left to it', async () => {
    play({ headers: { 'cache-control': 'max-age=60', etag: '"v1"' }, body: '0123456789' });
    expect((await ask('response', { range: 'bytes=0-1' })).cache).toBe('bypass; detail=range');
    await ask('response');
    for (const [range, status, text] of [
      ['bytes=0-1', 206, '01'],
      ['bytes=8-', 206, '89'],
      ['bytes=-3', 206, '789'],
      ['bytes=8-99', 206, '89'],
      ['bytes=10-', 416, ''],
      ['bytes=3-1', 200, '0123456789'],
      ['bytes=0-1,4-5', 200, '0123456789'],
      ['lines=1-2', 200, '0123456789'],
    ] as const)
      expect({ range, ...(await ask('response', { range })) }).toMatchObject({ range, status, text });
    const part = await ask('response', { range: 'bytes=2-4', 'if-range': '"v1"' });
    expect(part.headers).toMatchObject({ 'content-range': 'bytes 2-4/10', 'content-length': '3' });
    expect((await ask('response', { range: 'bytes=2-4', 'if-range': '"v0"' })).status).toBe(200);
  });

  it('Cache-Control is emitted where the answer says nothing', async () => {
    play({});
    expect((await ask('ttl')).headers['cache-control']).toBe('no-cache');
    expect(await ask('ttl')).toMatchObject({ cache: 'hit', headers: { 'cache-control': 'no-cache' } });
    expect((await ask('response')).headers['cache-control']).toBeUndefined();
  });
});
