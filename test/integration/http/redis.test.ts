import { Controller, Get, Post, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  CacheEvict,
  CacheKey,
  CacheResponse,
  CacheTags,
  CacheTTL,
} from '../../../src/cache/http/http-cache.decorators.js';
import { describeWith, redis, startOwnRedis, unique, type RunningServer } from '../../servers/index.js';
import { PLATFORMS, startApp, type Running } from './fixtures.js';

type Sender = ServerResponse | { raw: ServerResponse; hijack(): void };

let version = 1;
let runs = 0;

@Controller()
class SharedController {
  @Get('page') @CacheTTL(60) @CacheTags('pages') async page() {
    runs += 1;
    await sleep(100);
    return { version };
  }
  @Get('keyed') @CacheTTL(60) @CacheKey('keyed') keyed() {
    runs += 1;
    return { version };
  }
  @Get('stale') @CacheResponse({ ttl: '50ms', staleWhileRevalidate: 60, staleIfError: 60 }) stale() {
    runs += 1;
    return { runs };
  }
  @Get('validated') @CacheResponse({ freshness: 'response' }) async validated(@Res() response: Sender) {
    runs += 1;
    await sleep(100);
    const raw = 'raw' in response ? response.raw : response;
    raw.setHeader('cache-control', 'max-age=1');
    raw.setHeader('etag', '"1"');
    if ('hijack' in response) response.hijack();
    raw.end('validated');
  }
  @Post('write') @CacheEvict({ tags: ['pages'], keys: ['keyed'] }) write() {
    return { version: (version += 1) };
  }
}

describeWith('redis', 'Several processes on one Redis', () => {
  let apps: Running[] = [];
  beforeEach(async () => {
    const { url, namespace } = redis();
    runs = 0;
    // Each application has an engine, a memory and connections of its own.
    apps = await Promise.all(
      PLATFORMS.map((platform) =>
        startApp(platform, [SharedController], { cache: { redis: { url }, namespace } }),
      ),
    );
  });
  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
  });
  const [one, two] = [() => apps[0] as Running, () => apps[1] as Running];

  it('a hundred misses at once in two of them are one run of the handler', async () => {
    const asked = Array.from({ length: 100 }, (_, n) => (n % 2 ? one() : two()).ask('/page'));
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(runs).toBe(1);
  });

  it('what one stored the other serves, byte by byte', async () => {
    const stored = await one().ask('/page');
    const served = await vi.waitFor(async () => {
      const answer = await two().ask('/page');
      expect(answer.cache).toBe('hit');
      return answer;
    });
    expect(served.bytes.equals(stored.bytes)).toBe(true);
    expect(served.headers.etag).toBe(stored.headers.etag);
    expect(runs).toBe(1);
  });

  it('what is stale for all of them is loaded anew by one', async () => {
    await one().ask('/validated');
    await sleep(1_100);
    const asked = Array.from({ length: 40 }, (_, n) => (n % 2 ? one() : two()).ask('/validated'));
    const answers = await Promise.all(asked);
    expect(answers.every(({ status, text }) => status === 200 && text === 'validated')).toBe(true);
    expect(runs).toBe(2);
  });

  it.each(['/page', '/keyed'])('%s: a write in one makes the page fresh in the other', async (page) => {
    for (const app of apps) {
      await app.ask(page);
      await vi.waitFor(async () => expect((await app.ask(page)).cache).toBe('hit'));
    }
    const written = JSON.parse((await one().ask('/write', { method: 'POST' })).text) as { version: number };
    expect(JSON.parse((await one().ask(page)).text)).toEqual(written);
    await vi.waitFor(async () => expect(JSON.parse((await two().ask(page)).text)).toEqual(written));
  });
});

describeWith('redis', 'Redis goes away', () => {
  let server: RunningServer;
  let app: Running;
  beforeEach(async () => {
    server = await startOwnRedis();
    runs = 0;
  });
  afterEach(async () => {
    await app.close();
    await server.stop();
  });

  const signals = ['SIGKILL', 'SIGSTOP'] as const;
  const cases = PLATFORMS.flatMap((platform) => signals.map((signal) => ({ platform, signal })));

  it.each(cases)(
    '$signal in the middle: every request on $platform is answered all the same',
    async ({ platform, signal }) => {
      app = await startApp(platform, [SharedController], {
        cache: { redis: { url: server.url }, namespace: unique() },
      });
      await app.ask('/page');
      expect((await app.ask('/page')).cache).toBe('hit');
      expect(app.cache.stats().state).toBe('up');
      const asking = Array.from({ length: 60 }, async (_, n) => {
        await sleep(n * 10);
        return app.ask(['/page', '/keyed', '/stale', '/validated'][n % 4] as string);
      });
      await sleep(200);
      await server.kill(signal);
      const answers = await Promise.all(asking);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      const written = JSON.parse((await app.ask('/write', { method: 'POST' })).text) as { version: number };
      expect(JSON.parse((await app.ask('/page')).text)).toEqual(written);
      expect(JSON.parse((await app.ask('/keyed')).text)).toEqual(written);
      if (signal === 'SIGSTOP') await server.kill('SIGCONT');
    },
  );
});
