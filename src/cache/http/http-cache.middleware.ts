import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Optional } from '@nestjs/common';
// oxlint-disable-next-line typescript/consistent-type-imports -- injected by Nest
import { HttpAdapterHost } from '@nestjs/core';
import type { Duration } from '../../duration.js';
// oxlint-disable-next-line typescript/consistent-type-imports -- injected by Nest
import { CacheService } from '../cache.service.js';
import { HttpCacheOptionsError } from '../cache.errors.js';
import type { ModelLike } from '../tags.js';
import { evict } from './eviction.js';
import { HeldResponse } from './responses/held-response.js';
import type { HttpCacheExplanation } from './explain/explanation.js';
import { HttpCacheContext, type HttpCacheRequest } from './http-cache.context.js';
import { checkedEviction, checkedOptions } from './checked-options.js';
import type { CacheResponseOptions } from './http-cache.options.js';
import { resolveRoute, type Exchange, type Route } from './http-cache.route.js';
import type { ExplainedRequest, HttpApplication } from './explain/questions.js';
import { ResponseCache } from './response-cache.js';
import { isSafe, writtenPaths } from './unsafe-methods.js';

/** Middleware of Express and everything like it. */
export type HttpCacheMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Injected: whether routes that don't say so themselves are strict. */
export const HTTP_CACHE_STRICT = Symbol('HTTP_CACHE_STRICT');

/**
 * The HTTP cache for plain Express: injectable in Nest, made by `createHttpCache` without it. Its methods may be
 * taken off it and passed around.
 */
@Injectable()
export class HttpCache {
  /** @internal shared with HttpCacheInterceptor */
  readonly responses: ResponseCache;

  constructor(
    private readonly cache: CacheService,
    /** @internal what holds for routes that don't say it themselves */
    @Optional() @Inject(HTTP_CACHE_STRICT) readonly strict: boolean = false,
    @Optional() private readonly host?: HttpAdapterHost,
  ) {
    this.responses = new ResponseCache(cache, host !== undefined);
  }

  /**
   * Caches the responses of a GET route: `router.get('/products', cacheAPIResponse(3600), handler)`. Put it behind
   * authentication, so that it sees who asks. Two handlers of one path that a header decides between need that
   * header in `vary`: Express does not say which of them it is.
   *
   * @param options the ttl (seconds, or `'5m'`), or all options; default: the cache's ttl
   * @throws HttpCacheOptionsError
   */
  readonly cacheAPIResponse = <Request extends HttpCacheRequest = HttpCacheRequest>(
    options: Duration | CacheResponseOptions<Request> = {},
  ): HttpCacheMiddleware => {
    const given = typeof options === 'object' ? options : { ttl: options };
    const checked = checkedOptions(given, 'cacheAPIResponse()') as CacheResponseOptions;
    if (checked.early) {
      throw new HttpCacheOptionsError('cacheAPIResponse()', {
        problem: 'early is true',
        expected: 'it on routes of Nest controllers only',
      });
    }
    const route = resolveRoute('cacheAPIResponse', { strict: this.strict, ...checked }, this.cache.options);
    return (request, response, next) => {
      if (route.ttl === 0) return next();
      const context = new HttpCacheContext(request, response);
      const isWrite = route.invalidateOnUnsafe && !isSafe(context.method);
      if (isWrite)
        new HeldResponse(response, () => evict(this.cache, [writtenPaths(response)], context)).attach();
      const exchange = {
        context,
        raw: response,
        entryHeaders: response.getHeaders(),
        askedAt: this.cache.options.clock.now(),
        version: null,
        isEnded: false,
      };
      if (!this.responses.answerAtOnce(exchange, route)) void this.#answerOr(next, exchange, route);
    };
  };

  /**
   * Drops every cached query and page of the models after a successful (2xx or 3xx) response to a write, and
   * before the client gets it: `router.post('/products', clearModelCacheAfter('Product'), handler)`. Requests that
   * only read (GET, HEAD, OPTIONS, TRACE and their like) pass, so that it may stand before a whole router. What `cacheAPIResponse`
   * keeps under the very path of the write is dropped with it (RFC 9111 §4.4); other pages follow by
   * `tags: [model('Product')]`.
   *
   * @throws HttpCacheOptionsError
   */
  readonly clearModelCacheAfter = (...models: (string | ModelLike)[]): HttpCacheMiddleware => {
    const eviction = checkedEviction({ models }, 'clearModelCacheAfter()');
    return (request, response, next) => {
      const context = new HttpCacheContext(request, response);
      if (isSafe(context.method)) return next();
      const page = writtenPaths(response);
      new HeldResponse(response, () => evict(this.cache, [eviction, page], context)).attach();
      next();
    };
  };

  /**
   * What the cache would do with a request, and why: its route, the parts of its key, what is stored for it. The
   * question goes through the application like the request itself, middleware and guards included, and ends at the
   * cache: no handler of a route behind it runs, nothing is loaded, stored or counted. A GET that meets no cache on
   * its way (interceptor or middleware) is handled, and that is all. Only requests that read are sent; of others it
   * is known that they bypass. Header values that may say who asks, and what a scope says, are told as fingerprints.
   *
   * @param request method (default: GET), path or URL, headers; a request of Node's will do
   * @param application where requests come in, outside Nest: the Express application or the server
   * @throws HttpCacheOptionsError for a url that is none, and where no application is known
   */
  readonly explain = async (
    request: ExplainedRequest,
    application?: HttpApplication,
  ): Promise<HttpCacheExplanation> => {
    const known = application ?? (this.host?.httpAdapter?.getHttpServer() as HttpApplication | undefined);
    if (known) return this.responses.questions.ask(request, known);
    throw new HttpCacheOptionsError('explain()', {
      problem: 'there is no application to ask',
      expected: 'the Express application, or the server, as second argument',
    });
  };

  async #answerOr(next: () => void, exchange: Exchange, route: Route): Promise<void> {
    if ((await this.responses.answer(exchange, route)) === 'handle') next();
  }
}

/**
 * `const { cacheAPIResponse, clearModelCacheAfter } = createHttpCache(cache)`: the HTTP cache without Nest.
 *
 * @param options `strict`: what holds for routes that don't say it themselves; default: false
 */
export const createHttpCache = (cache: CacheService, { strict }: { strict?: boolean } = {}): HttpCache =>
  new HttpCache(cache, strict);
