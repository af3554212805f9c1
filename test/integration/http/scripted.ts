import { All, Controller, Req, Res } from '@nestjs/common';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { CacheResponse } from '../../../src/cache/http/http-cache.decorators.js';
import { Clock } from '../../../src/coordination/clock.js';

/** A clock that stands until it is told to go on. */
export class SetClock extends Clock {
  time = Date.UTC(2026, 6, 1, 10);

  now(): number {
    return this.time;
  }
}

export interface Scripted {
  status?: number;
  headers?: Record<string, string | string[]>;
  body?: string;
  /** Answered no sooner than this. */
  after?: Promise<unknown>;
}

/** What the handler answers, one after another; the last one again and again. */
export const script: { answers: Scripted[]; asked: IncomingHttpHeaders[] } = { answers: [], asked: [] };

export function play(...answers: Scripted[]): void {
  script.answers = answers;
  script.asked = [];
}

type RawOr<T> = T & { raw?: T; hijack?: () => void };

async function answer(request: RawOr<IncomingMessage>, reply: RawOr<ServerResponse>): Promise<void> {
  reply.hijack?.();
  const raw = reply.raw ?? reply;
  script.asked.push({ ...request.headers });
  const next = (script.answers.length > 1 ? script.answers.shift() : script.answers[0]) ?? {};
  const { status = 200, headers = {}, body = `answer ${script.asked.length}`, after } = next;
  await after;
  raw.statusCode = status;
  for (const [name, value] of Object.entries(headers)) raw.setHeader(name, value);
  raw.end(status === 304 ? undefined : body);
}

/** Routes whose answers are scripted, each with other options. */
@Controller()
export class ScriptedController {
  @All('ttl') @CacheResponse({ ttl: 10 }) ttl(
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ) {
    return answer(request, response);
  }
  @All('stale') @CacheResponse({ ttl: 10, staleWhileRevalidate: 20, staleIfError: '1m' }) stale(
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ) {
    return answer(request, response);
  }
  @All('response') @CacheResponse({ freshness: 'response' }) response(
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ) {
    return answer(request, response);
  }
  @All('public') @CacheResponse({ freshness: 'response', scope: 'public', ttl: 100 }) public(
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ) {
    return answer(request, response);
  }
  @All('asked') @CacheResponse({ ttl: 10, staleWhileRevalidate: 5, requestDirectives: true }) asked(
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ) {
    return answer(request, response);
  }
  @All('kept') @CacheResponse({ ttl: 10, invalidateOnUnsafe: false }) kept(
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ) {
    return answer(request, response);
  }
}
