import { randomBytes } from 'node:crypto';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  NotFoundException,
  Query,
  Redirect,
  Render,
  Res,
  StreamableFile,
} from '@nestjs/common';
import { of } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheTTL } from '../../../src/cache/http/http-cache.decorators.js';
import { PLATFORMS, slowStream, startApp, type Running } from './fixtures.js';

const IMAGE = randomBytes(70_000);
const LATIN = Buffer.from('Rosé und Flieder', 'latin1');

interface AnyResponse {
  status(code: number): AnyResponse;
  header(name: string, value: string): AnyResponse;
  send(body: unknown): unknown;
  raw?: AnyResponse;
  write(chunk: unknown, encoding?: string): boolean;
  end(chunk?: unknown): void;
  setHeader(name: string, value: string | string[]): void;
  removeHeader(name: string): void;
  writeHead(status: number, headers: unknown): unknown;
}

@Controller('kinds')
@CacheTTL(60)
class KindsController {
  runs = 0;
  @Get('object') object() {
    return { runs: (this.runs += 1), name: 'Rose', price: 3.5 };
  }
  @Get('string') string() {
    return `ein Strauß, der ${(this.runs += 1)}.`;
  }
  @Get('nothing') nothing() {
    this.runs += 1;
  }
  @Get('csv') @Header('Content-Type', 'text/csv; charset=utf-8') @Header('X-Fixed', 'yes') csv() {
    return `name;run\nrose;${(this.runs += 1)}\n`;
  }
  @Get('promise') async promise() {
    return Promise.resolve([(this.runs += 1), 'ü']);
  }
  @Get('observable') observable() {
    return of({ runs: (this.runs += 1) });
  }
  @Get('file') file() {
    this.runs += 1;
    return new StreamableFile(IMAGE, { type: 'image/png', disposition: 'inline; filename="rose.png"' });
  }
  @Get('stream') stream() {
    this.runs += 1;
    return new StreamableFile(slowStream([IMAGE.subarray(0, 999), LATIN, IMAGE.subarray(999)]), {
      type: 'image/webp',
    });
  }
  @Get('headers') headers(@Res({ passthrough: true }) res: AnyResponse) {
    res
      .header('X-Total-Count', '42')
      .header('Link', '</kinds?page=2>; rel="next"')
      .header('Content-Language', 'de');
    return { runs: (this.runs += 1) };
  }
  @Get('status') @HttpCode(203) status() {
    return { runs: (this.runs += 1) };
  }
  @Get('res') res(@Res() res: AnyResponse) {
    res
      .status(203)
      .header('X-Runs', String((this.runs += 1)))
      .header('Content-Type', 'application/octet-stream');
    res.send(LATIN);
  }
  @Get('raw') raw(@Res() res: AnyResponse) {
    const raw = res.raw ?? res;
    raw.setHeader('X-Runs', String((this.runs += 1)));
    raw.setHeader('X-Many', ['one', 'two']);
    raw.writeHead(200, { 'content-type': 'text/plain; charset=latin1', 'X-Late': 'yes' });
    raw.write(LATIN.toString('hex'), 'hex');
    raw.write(LATIN.toString('latin1'), 'latin1');
    raw.end('!');
  }
  @Get('moved') @Redirect('/kinds/object', 301) moved() {
    this.runs += 1;
  }
  @Get('moved-there') @Redirect('/kinds/object', 302) movedThere(@Query('to') to: string) {
    this.runs += 1;
    return { url: `/there/${to}`, statusCode: 308 };
  }
  @Get('view') @Render('page') view() {
    return { runs: (this.runs += 1) };
  }
  @Get('bare') bare(@Res({ passthrough: true }) res: AnyResponse) {
    res.removeHeader('X-Frame-Options');
    res.raw?.removeHeader('X-Frame-Options');
    return { runs: (this.runs += 1) };
  }
  @Get('missing') missing() {
    throw new NotFoundException(`run ${(this.runs += 1)}`);
  }
  @Get('etag') etag(@Res({ passthrough: true }) res: AnyResponse) {
    res.header('ETag', '"v1"').header('Last-Modified', 'Wed, 01 Jul 2026 10:00:00 GMT');
    return { runs: (this.runs += 1) };
  }
}

/** Headers that are not the response's own, or differ between a response in pieces and a whole one. */
const MOMENTARY = [
  'age',
  'cache-status',
  'connection',
  'date',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'etag',
];

describe.each(PLATFORMS)('A hit on %s is the answer that was stored', (platform) => {
  let running: Running;
  let kinds: KindsController;

  beforeAll(async () => {
    running = await startApp(platform, [KindsController], {
      prepare: (app) => {
        app.use((_: unknown, response: AnyResponse, next: () => void) => {
          response.setHeader('X-Frame-Options', 'DENY');
          next();
        });
        if (platform !== 'express') return;
        const instance = app.getHttpAdapter().getInstance() as {
          engine(ext: string, render: unknown): void;
          set(name: string, value: unknown): void;
        };
        instance.engine(
          'html',
          (_: string, options: { runs: number }, done: (error: null, html: string) => void) =>
            done(null, `<p>run ${options.runs.toFixed(0)}</p>`),
        );
        instance.set('views', import.meta.dirname);
        instance.set('view engine', 'html');
      },
    });
    kinds = running.app.get(KindsController);
  });
  afterAll(() => running.close());

  const ways = [
    'object',
    'string',
    'nothing',
    'csv',
    'promise',
    'observable',
    'file',
    'stream',
    'headers',
    'status',
    'res',
    'raw',
    'moved',
    'moved-there?to=x',
    'etag',
    'bare',
  ];

  it.each(ways)('in status, headers and bytes: %s', async (way) => {
    const before = kinds.runs;
    const miss = await running.ask(`/kinds/${way}`);
    const hit = await running.ask(`/kinds/${way}`);
    expect(hit.cache).toBe('hit');
    expect(kinds.runs - before).toBe(1);
    expect(hit.status).toBe(miss.status);
    expect(hit.bytes.equals(miss.bytes)).toBe(true);
    const own = (headers: object) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => !MOMENTARY.includes(name)));
    expect(own(hit.headers)).toEqual(own(miss.headers));
    if (miss.headers.etag) expect(hit.headers.etag).toBe(miss.headers.etag);
    expect(hit.headers['content-length']).toBe(String(hit.bytes.length));
    expect(Number(hit.headers.age)).toBeGreaterThanOrEqual(0);
  });

  it('and the raw bytes were those that the handler wrote', async () => {
    const { bytes, headers } = await running.ask('/kinds/raw');
    expect(bytes).toEqual(Buffer.concat([LATIN, LATIN, Buffer.from('!')]));
    expect(headers['content-type']).toBe('text/plain; charset=latin1');
    expect(headers['x-late']).toBe('yes');
    expect(headers['x-many']).toBe('one, two');
  });

  it('and a header that the handler took away stays away', async () => {
    expect((await running.ask('/kinds/object')).headers['x-frame-options']).toBe('DENY');
    expect((await running.ask('/kinds/bare')).headers['x-frame-options']).toBeUndefined();
  });

  it('and an error is never stored', async () => {
    const first = await running.ask('/kinds/missing');
    const second = await running.ask('/kinds/missing');
    expect([first.status, second.status]).toEqual([404, 404]);
    expect(second.text).not.toBe(first.text);
    expect(first.cache).toBe('uri-miss; detail=status');
  });

  it.runIf(platform === 'express')('and a view is not made again (Express has views)', async () => {
    const before = kinds.runs;
    const miss = await running.ask('/kinds/view');
    const hit = await running.ask('/kinds/view');
    expect(hit.cache).toBe('hit');
    expect(hit.text).toBe(miss.text);
    expect(hit.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(kinds.runs - before).toBe(1);
  });

  it('also for HEAD, without a body', async () => {
    const get = await running.ask('/kinds/object?for=head');
    const head = await running.ask('/kinds/object?for=head', { method: 'HEAD' });
    expect(head.cache).toBe('hit');
    expect(head.bytes.length).toBe(0);
    expect(head.headers['content-length']).toBe(String(get.bytes.length));
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
    expect(head.headers.etag).toBe(get.headers.etag);
  });

  it('and a HEAD that is first stores nothing', async () => {
    const head = await running.ask('/kinds/object?head=first', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.bytes.length).toBe(0);
    const get = await running.ask('/kinds/object?head=first');
    expect(get.cache).toBe('uri-miss; stored');
    expect(JSON.parse(get.text)).toMatchObject({ name: 'Rose' });
  });
});
