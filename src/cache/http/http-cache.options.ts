import type { Duration } from '../../duration.js';
import type { ModelLike } from '../tags.js';
import type { HttpCacheContext, HttpCacheRequest } from './http-cache.context.js';
import type { QueryRule } from './key.js';
import type { FreshnessSource } from './storing.js';

type Awaitable<T> = T | Promise<T>;

/**
 * Tags made from the request and, where it is JSON, from the body: what the handler returned in Nest, the parsed
 * bytes on plain Express.
 */
export type TagFunction<Request extends HttpCacheRequest = HttpCacheRequest> = (
  ctx: HttpCacheContext<Request>,
  body: unknown,
) => string | readonly string[];

/** Options of `@CacheResponse` and `cacheAPIResponse`. */
export interface CacheResponseOptions<Request extends HttpCacheRequest = HttpCacheRequest> {
  /**
   * How long an answer may be served, unless its own Cache-Control says less. Default: the cache's ttl. With
   * `freshness: 'response'` the most that an answer may claim; default: what it claims.
   */
  ttl?: Duration;
  /**
   * Who says how long an answer is fresh. `'route'`: the ttl. `'response'`: its own fields, as for a reverse proxy:
   * CDN-Cache-Control, `s-maxage`, `max-age`, Expires, or a tenth of what has passed since Last-Modified; every
   * status that says so is stored, and what says nothing is not. Default: `'route'`.
   */
  freshness?: FreshnessSource;
  /**
   * How long after its ttl an answer may be served stale while one request loads it anew in the background (RFC
   * 5861 §3). An answer's own `stale-while-revalidate` goes before it, `must-revalidate` forbids it. Default: 0.
   */
  staleWhileRevalidate?: Duration;
  /**
   * How long after its ttl an answer may be served in the place of a 500, 502, 503 or 504 of the handler (RFC 5861
   * §4). An answer's own `stale-if-error` goes before it, `must-revalidate` forbids it. Default: 0.
   */
  staleIfError?: Duration;
  /**
   * Whether clients may ask for other than what the cache would give, by Cache-Control in the request: `no-cache`,
   * `no-store`, `max-age`, `min-fresh`, `max-stale`, `only-if-cached` (RFC 9111 §5.2.1). Any client can then make
   * the handler run. Default: false.
   */
  requestDirectives?: boolean;
  /**
   * Whether a successful POST, PUT, PATCH, DELETE or other unsafe request to the path of an answer drops it, with
   * those under its Location and Content-Location of the same host (RFC 9111 §4.4). On a route that writes: whether
   * it drops what is stored under its path. Default: true.
   */
  invalidateOnUnsafe?: boolean;
  /**
   * Stands for path and query in the key; host, scope and header values stay. `cache.delete(key)` drops every
   * answer under it. Default: path and query.
   */
  key?: string | ((ctx: HttpCacheContext<Request>) => string);
  /** Tags whose invalidation drops the answer: strings, `model(Product)`, or functions. Default: none. */
  tags?: readonly (string | TagFunction<Request>)[];
  /** Request headers on which the answer depends, beyond those that its own Vary names. Default: none. */
  vary?: readonly string[];
  /** Which query parameters matter. Default: all, in any order. */
  query?: QueryRule;
  /**
   * Who an answer is for. Absent: requests with a user, Authorization, Cookie or another header that says who asks
   * bypass the cache. `'public'`: the answer does not depend on who asks. A function: its string tells users apart,
   * `undefined` bypasses.
   */
  scope?: 'public' | ((ctx: HttpCacheContext<Request>) => Awaitable<string | undefined>);
  /**
   * Whether hits in memory are answered before the framework: no middleware, hook or interceptor runs for them, and no
   * guard, so that a route with one is refused at start. Controllers only, with `scope: 'public'`. Default: false.
   */
  early?: boolean;
  /** Answers with more bytes are sent but not stored. Default: 4 MiB, and never above the cache's maxValueBytes. */
  maxBodyBytes?: number;
  /**
   * Whether an answer is stored only if its key covers what was read to make it: header fields, cookies, session,
   * user and IP address that the handler, or a pipe or interceptor behind the cache, looks at. What is refused is
   * told in Cache-Status (`detail=unkeyed:accept-language`) and once in the log. What middleware, guards and
   * constructors read before is not seen. For development and tests: it makes the request's properties slow.
   * Default: `http.strict` of CacheModule, or else false.
   */
  strict?: boolean;
}

type List<T, Request extends HttpCacheRequest> =
  readonly T[] | ((ctx: HttpCacheContext<Request>) => readonly T[]);

/** What a successful write drops. Each is a list, or a function of the request that gives one. */
export interface CacheEvictOptions<Request extends HttpCacheRequest = HttpCacheRequest> {
  tags?: List<string, Request>;
  keys?: List<string, Request>;
  models?: List<string | ModelLike, Request>;
}
