import {
  Controller,
  Get,
  Injectable,
  Module,
  Req,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { tap } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CacheKey,
  CacheResponse,
  CacheTTL,
  CacheVary,
} from '../../../src/cache/http/http-cache.decorators.js';
import { HttpCacheInterceptor } from '../../../src/cache/http/http-cache.interceptor.js';
import type { HttpCacheRequest } from '../../../src/cache/http/http-cache.context.js';
import { PLATFORMS, startApp, type Asked, type Running } from './fixtures.js';

interface Known extends HttpCacheRequest {
  user?: unknown;
}
const rawOf = (response: { raw?: ServerResponse }) => response.raw ?? (response as unknown as ServerResponse);

@Injectable()
class SetsUser implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Known>();
    const id = request.headers['x-test-user'];
    if (id !== undefined) request.user = id === 'anonymous' ? false : id;
    return true;
  }
}

/** What session middleware does that was put behind the cache: a cookie when the head leaves. */
@Injectable()
class CookieAtHead implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const request = context.switchToHttp().getRequest<Known>();
    const raw = rawOf(context.switchToHttp().getResponse());
    const writeHead = raw.writeHead.bind(raw) as (...args: unknown[]) => ServerResponse;
    raw.writeHead = (...args: unknown[]) => {
      const id = request.headers['x-test-session'];
      if (typeof id === 'string') raw.setHeader('Set-Cookie', `session=${id}`);
      return writeHead(...args);
    };
    return next.handle();
  }
}

@Injectable()
class CookieAfterHandler implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    const http = context.switchToHttp();
    const id = http.getRequest<Known>().headers['x-test-session'];
    const raw = rawOf(http.getResponse());
    return next
      .handle()
      .pipe(tap(() => id !== undefined && raw.setHeader('Set-Cookie', `session=${String(id)}`)));
  }
}

@Controller('roads')
@UseInterceptors(HttpCacheInterceptor)
@CacheTTL(60)
class RoadsController {
  runs = 0;
  #page(request: Known) {
    const raw = (request.raw ?? request) as Known;
    const who = request.user ?? raw.user ?? request.headers['x-test-session'] ?? 'nobody';
    return { run: (this.runs += 1), for: who };
  }
  @Get('guarded') @UseGuards(SetsUser) guarded(@Req() request: Known) {
    return this.#page(request);
  }
  @Get('at-head') @UseInterceptors(CookieAtHead) atHead(@Req() request: Known) {
    return this.#page(request);
  }
  @Get('left') @UseInterceptors(CookieAtHead) async left(@Req() request: Known) {
    const page = this.#page(request);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return page;
  }
  @Get('after-handler') @UseInterceptors(CookieAfterHandler) afterHandler(@Req() request: Known) {
    return this.#page(request);
  }
  @Get('vary-cookie') @CacheVary('Cookie') varyCookie(@Req() request: Known) {
    return { ...this.#page(request), cookie: request.headers.cookie };
  }
}

@Controller('same')
@UseInterceptors(HttpCacheInterceptor)
class SameController {
  @Get('fixed') @CacheResponse({ ttl: 60 }) @CacheKey('same') fixed(@Req() request: Known) {
    return { at: (request.raw ?? (request as unknown as { originalUrl: string; url: string })).url };
  }
}
@Module({ controllers: [SameController] })
class InnerModule {}
@Module({ imports: [InnerModule] })
class OuterModule {}
@Module({ controllers: [SameController] })
class OtherModule {}

describe.each(PLATFORMS)('By no road on %s', (platform) => {
  let running: Running;
  beforeAll(async () => {
    running = await startApp(platform, [RoadsController], {
      global: false,
      metadata: {
        imports: [
          OuterModule,
          OtherModule,
          RouterModule.register([
            { path: 'outer', module: OuterModule, children: [{ path: 'inner', module: InnerModule }] },
            { path: 'other', module: OtherModule },
          ]),
        ],
      },
    });
  });
  afterAll(() => running.close());
  const both = async (path: string, alice: Asked['headers'] = {}, bob: Asked['headers'] = {}) => [
    await running.ask(path, { headers: alice }),
    await running.ask(path, { headers: bob }),
  ];

  it('not by a user whom a guard has found', async () => {
    const [alice, bob] = await both('/roads/guarded', { 'x-test-user': 'alice' }, { 'x-test-user': 'bob' });
    expect([alice?.cache, bob?.cache]).toEqual(['bypass; detail=user', 'bypass; detail=user']);
    expect(bob?.text).toContain('bob');
    const [, anonymous] = await both('/roads/guarded', { 'x-test-user': 'anonymous' }, {});
    expect(anonymous?.cache).toBe('hit');
  });

  it.each(['/roads/at-head', '/roads/after-handler'])(
    '%s: not by a cookie that is set behind the cache',
    async (path) => {
      const [alice, bob] = await both(path, { 'x-test-session': 'alice' }, { 'x-test-session': 'bob' });
      expect(alice?.headers['set-cookie']).toEqual(['session=alice']);
      expect(bob?.headers['set-cookie']).toEqual(['session=bob']);
      expect(bob?.text).toContain('bob');
      const [nobody, again] = await both(path);
      expect(nobody?.text).toContain('nobody');
      expect(again?.headers['set-cookie']).toBeUndefined();
    },
  );

  it('not by a cookie for one who has left before it was set', async () => {
    const controller = running.app.get(RoadsController);
    const { runs } = controller;
    const socket = connect(Number(new URL(running.url).port), '127.0.0.1');
    socket.write('GET /roads/left HTTP/1.1\r\nHost: shop.test\r\nX-Test-Session: alice\r\n\r\n');
    await vi.waitFor(() => expect(controller.runs).toBe(runs + 1), { timeout: 30_000 });
    socket.destroy();
    const bob = await running.ask('/roads/left');
    expect(bob.text).toContain('nobody');
    expect(bob.text).not.toContain('alice');
  });

  it('not by cookies that are told apart as a whole', async () => {
    const [alice, bob] = await both('/roads/vary-cookie', { cookie: 'a=1; b=2' }, { cookie: 'a=1, b=2' });
    expect(bob?.text).not.toBe(alice?.text);
    const [again] = await both('/roads/vary-cookie', { cookie: 'a=1; b=2' });
    expect(again?.cache).toBe('hit');
    expect(again?.text).toBe(alice?.text);
  });

  it('not by one controller under one key in several modules', async () => {
    const [inner, other] = [
      await running.ask('/outer/inner/same/fixed'),
      await running.ask('/other/same/fixed'),
    ];
    expect(JSON.parse(inner.text)).toEqual({ at: '/outer/inner/same/fixed' });
    expect(JSON.parse(other.text)).toEqual({ at: '/other/same/fixed' });
    expect((await running.ask('/outer/inner/same/fixed')).cache).toBe('hit');
  });
});
