import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:net';
import { Controller, Get, Query, Res, Sse, StreamableFile, type MessageEvent } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { interval, map, take, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CacheResponse, CacheTTL } from '../../../src/cache/http/http-cache.decorators.js';
import { PLATFORMS, slowStream, startApp, type Running } from './fixtures.js';

interface AnyResponse {
  raw?: ServerResponse;
}
const rawOf = (response: AnyResponse) => response.raw ?? (response as ServerResponse);

class Gate {
  readonly opened: Promise<void>;
  open!: () => void;
  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
  }
}

@Controller()
@CacheTTL(60)
class BusyController {
  runs = 0;
  gate = new Gate();
  status = 200;
  cookie: string | undefined;
  hangs = false;

  @Get('slow') async slow(@Res({ passthrough: true }) response: AnyResponse) {
    const run = (this.runs += 1);
    if (this.hangs && run === 1) await new Promise(() => {});
    await this.gate.opened;
    rawOf(response).statusCode = this.status;
    if (this.cookie) rawOf(response).setHeader('Set-Cookie', this.cookie);
    return { run };
  }
  @Get('sends') async sends(@Res() response: AnyResponse) {
    const run = (this.runs += 1);
    await this.gate.opened;
    rawOf(response).end(`run ${run}.`);
  }
  @Get('streams') async streams() {
    const run = (this.runs += 1);
    await this.gate.opened;
    return new StreamableFile(slowStream([Buffer.from('run '), Buffer.from(`${run}.`)]));
  }
  @Get('throws') async throws(): Promise<void> {
    const run = (this.runs += 1);
    await this.gate.opened;
    throw new Error(`run ${run}.`);
  }
  @Get('vary') async vary(@Res({ passthrough: true }) response: AnyResponse) {
    const run = (this.runs += 1);
    await this.gate.opened;
    rawOf(response).setHeader('Vary', 'Accept-Language');
    return { run };
  }
  @Get('cut') cut() {
    this.runs += 1;
    return new StreamableFile(slowStream([Buffer.from('first '), Buffer.from('second ')], true), {
      type: 'text/plain',
    });
  }
  @Get('cut-but-ended') cutButEnded(@Res() response: AnyResponse) {
    this.runs += 1;
    const raw = rawOf(response);
    const source = slowStream([Buffer.from('first ')], true);
    // A handler that hides the failure of its source: the client sees a response that looks complete.
    source.on('error', () => raw.end());
    source.pipe(raw, { end: true });
  }
  @Get('short') short(@Res() response: AnyResponse) {
    this.runs += 1;
    const raw = rawOf(response);
    raw.setHeader('Content-Length', 10);
    raw.write('only');
    raw.socket?.end();
  }
  @Get('large') @CacheResponse({ maxBodyBytes: 1_000 }) large(@Query('bytes') bytes: string) {
    this.runs += 1;
    return 'x'.repeat(Number(bytes));
  }
  @Get('large-stream') @CacheResponse({ maxBodyBytes: 1_000 }) largeStream() {
    this.runs += 1;
    return new StreamableFile(slowStream(Array.from({ length: 4 }, () => Buffer.alloc(400, 'x'))));
  }
  @Sse('events') events(): Observable<MessageEvent> {
    this.runs += 1;
    return interval(5).pipe(
      take(3),
      map((n) => ({ data: { n, run: this.runs } })),
    );
  }
}

/** A busy machine is slow. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 10 });

describe.each(PLATFORMS)('Under load on %s', (platform) => {
  let running: Running;
  let busy: BusyController;
  /** Requests that have come so far. */
  let arrived: number;
  const start = async (wait: string) => {
    arrived = 0;
    running = await startApp(platform, [BusyController], {
      cache: { lease: { wait } },
      prepare: (app) =>
        void app.use((_: unknown, __: unknown, next: () => void) => {
          arrived += 1;
          next();
        }),
    });
    busy = running.app.get(BusyController);
  };
  beforeEach(() => start('1m'));
  afterEach(async () => {
    busy.gate.open(); // else a test that failed could not be closed
    await running.close();
  });

  const many = (count: number, path: string, headers = {}) =>
    Promise.all(Array.from({ length: count }, () => running.ask(path, { headers })));
  const port = () => Number(new URL(running.url).port);
  const abandon = async (path: string) => {
    const socket = connect(port(), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: shop.test\r\n\r\n`);
    await until(() => expect(busy.runs).toBe(1));
    socket.destroy();
  };

  it('a hundred misses at once are one run of the handler', async () => {
    const answers = many(100, '/slow');
    await until(() => expect(arrived).toBe(100));
    await sleep(50);
    busy.gate.open();
    const texts = (await answers).map(({ text }) => text);
    expect(new Set(texts)).toEqual(new Set(['{"run":1}']));
    expect(busy.runs).toBe(1);
    const first = (await answers).filter(({ cache }) => cache === 'uri-miss; stored');
    expect(first.length).toBe(1);
    expect((await answers).some(({ cache }) => cache === 'uri-miss; collapsed')).toBe(true);
  });

  it('also where the answer turns out to depend on a header nobody declared', async () => {
    const answers = many(50, '/vary', { 'accept-language': 'de' });
    await until(() => expect(arrived).toBe(50));
    await sleep(50);
    busy.gate.open();
    await answers;
    expect(busy.runs).toBe(1);
    expect((await running.ask('/vary', { headers: { 'accept-language': 'de' } })).cache).toBe('hit');
    expect((await running.ask('/vary', { headers: { 'accept-language': 'en' } })).cache).toBe(
      'vary-miss; stored',
    );
  });

  it.each([
    ['sets a cookie', () => (busy.cookie = 'session=1'), 'set-cookie'],
    ['is an error', () => (busy.status = 500), 'status'],
  ])(
    'an answer that %s is nobody else’s: those who wait run by themselves, those who come do not queue',
    async (_, make, reason) => {
      make();
      const answers = many(20, '/slow');
      await until(() => expect(arrived).toBe(20));
      await sleep(50);
      busy.gate.open();
      const texts = (await answers).map(({ text }) => text);
      expect(new Set(texts).size).toBe(20);
      expect((await answers).filter(({ cache }) => cache === `uri-miss; detail=${reason}`).length).toBe(1);
      busy.gate = new Gate();
      busy.runs = 0;
      const next = many(20, '/slow');
      // All of them reach the handler while none has answered.
      await until(() => expect(busy.runs).toBe(20));
      busy.gate.open();
      expect(new Set((await next).map(({ text }) => text)).size).toBe(20);
    },
  );

  it('and once the answer can be shared it is', async () => {
    busy.status = 500;
    busy.gate.open();
    await running.ask('/slow');
    busy.status = 200;
    expect((await running.ask('/slow')).cache).toBe('uri-miss; stored');
    expect((await running.ask('/slow')).cache).toBe('hit');
  });

  it('a client that leaves does not stop the handler: its answer is for those who wait, and is stored', async () => {
    await abandon('/slow');
    const answers = many(20, '/slow');
    await until(() => expect(arrived).toBe(21));
    await sleep(50);
    busy.gate.open();
    expect(new Set((await answers).map(({ text }) => text))).toEqual(new Set(['{"run":1}']));
    expect(busy.runs).toBe(1);
    expect((await running.ask('/slow')).cache).toBe('hit');
  });

  it.each(['/sends', '/streams', '/throws'])(
    '%s: where it takes the answer along, those who wait have their own',
    async (path) => {
      await abandon(path);
      const answers = many(5, path);
      await until(() => expect(arrived).toBe(6));
      await sleep(50);
      busy.gate.open();
      const status = path === '/throws' ? 500 : 200;
      for (const answer of await answers) {
        expect(answer.status).toBe(status);
        expect(answer.text).not.toContain('run 1.');
      }
      expect(busy.runs).toBeGreaterThan(1);
      expect((await running.ask(path)).status).toBe(status);
    },
  );

  it.each([
    ['waits', false],
    ['has left', true],
  ])('a handler that hangs, whose client %s, does not hang others', async (_, leaves) => {
    await running.close();
    await start('300ms');
    busy.hangs = true;
    busy.gate.open();
    const socket = connect(port(), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\n');
    await until(() => expect(busy.runs).toBe(1));
    if (leaves) socket.destroy();
    const answers = await many(5, '/slow');
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect((await running.ask('/slow')).status).toBe(200);
    socket.destroy();
  });

  it.each(['/cut', '/cut-but-ended', '/short'])(
    '%s: a response that was cut short is never stored',
    async (path) => {
      await running.ask(path).catch(() => {});
      await running.ask(path).catch(() => {});
      expect(busy.runs).toBe(2);
      expect(running.cache.stats().fills).toBe(0);
    },
  );

  it('a slow client that gives up in the middle leaves nothing behind', async () => {
    busy.gate.open();
    const socket = connect(port(), '127.0.0.1');
    socket.write('GET /large-stream?aborted HTTP/1.1\r\nHost: shop.test\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await sleep(100);
    expect(running.cache.stats().fills).toBe(0);
  });

  it('an answer above the limit is sent whole and not stored', async () => {
    for (const path of ['/large?bytes=1001', '/large-stream']) {
      busy.runs = 0;
      const first = await running.ask(path);
      const second = await running.ask(path);
      expect([first.bytes.length, second.bytes.length]).toEqual([first.bytes.length, first.bytes.length]);
      expect(first.bytes.length).toBeGreaterThan(1_000);
      expect(busy.runs).toBe(2);
    }
    await running.ask('/large?bytes=1000');
    expect((await running.ask('/large?bytes=1000')).cache).toBe('hit');
  });

  it('server-sent events are left alone', async () => {
    const first = await running.ask('/events');
    const second = await running.ask('/events');
    for (const answer of [first, second]) {
      expect(answer.text.match(/data:/g)).toHaveLength(3);
      expect(answer.cache).toBeUndefined();
    }
    expect(busy.runs).toBe(2);
  });
});
