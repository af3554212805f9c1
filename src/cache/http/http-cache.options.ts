import type { Duration } from '../../duration.js';
import { toMilliseconds } from '../../duration.js';
import { FloraError, shown } from '../../errors.js';
import { HttpCacheOptionsError } from '../cache.errors.js';
import { checkedName } from '../engine/key-space.js';
import { model, type ModelLike } from '../tags.js';
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

const DURATIONS = ['ttl', 'staleWhileRevalidate', 'staleIfError'] as const;
const SWITCHES = ['requestDirectives', 'invalidateOnUnsafe', 'strict', 'early'] as const;
const OPTIONS = [
  'ttl',
  'key',
  'tags',
  'vary',
  'query',
  'scope',
  'maxBodyBytes',
  'freshness',
  'staleWhileRevalidate',
  'staleIfError',
  ...SWITCHES,
];
const EVICTIONS = ['tags', 'keys', 'models'];
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * The options as they were, if they can be used.
 *
 * @param where what the error names: `ProductsController.list`
 * @throws HttpCacheOptionsError
 */
export function checkedOptions<R extends HttpCacheRequest>(
  options: CacheResponseOptions<R>,
  where: string,
): CacheResponseOptions<R> {
  onlyKnown(options, OPTIONS, where);
  const { key, tags, vary, query, scope, freshness, maxBodyBytes } = options;
  for (const name of DURATIONS) {
    const duration = options[name];
    if (duration !== undefined) at(where, () => toMilliseconds(duration, name));
  }
  for (const name of SWITCHES) {
    const isOn: unknown = options[name];
    if (isOn === undefined || typeof isOn === 'boolean') continue;
    throw new HttpCacheOptionsError(where, {
      problem: `${name} is ${shown(isOn)}`,
      expected: 'true or false',
    });
  }
  if (freshness !== undefined && freshness !== 'route' && freshness !== 'response') {
    throw new HttpCacheOptionsError(where, {
      problem: `freshness is ${shown(freshness)}`,
      expected: "'route' or 'response'",
    });
  }
  if (key !== undefined && typeof key !== 'function') at(where, () => checkedName('key', key));
  if (tags !== undefined)
    list(tags, 'tags', where).forEach(
      (tag) => typeof tag === 'function' || at(where, () => checkedName('tag', tag)),
    );
  if (vary !== undefined) {
    for (const name of list(vary, 'vary', where)) {
      if (typeof name === 'string' && HEADER_NAME.test(name) && name !== '*') continue;
      throw new HttpCacheOptionsError(where, {
        problem: `vary holds ${shown(name)}`,
        expected: 'names of request headers',
      });
    }
  }
  if (query !== undefined) checkQuery(query, where);
  if (scope !== undefined && scope !== 'public' && typeof scope !== 'function') {
    throw new HttpCacheOptionsError(where, {
      problem: `scope is ${shown(scope)}`,
      expected: "'public', or a function whose string tells users apart",
    });
  }
  if (maxBodyBytes !== undefined && !(Number.isSafeInteger(maxBodyBytes) && maxBodyBytes > 0)) {
    throw new HttpCacheOptionsError(where, {
      problem: `maxBodyBytes is ${shown(maxBodyBytes)}`,
      expected: 'a whole number above 0',
    });
  }
  return options;
}

/** @throws HttpCacheOptionsError */
export function checkedEviction<R extends HttpCacheRequest>(
  options: CacheEvictOptions<R>,
  where: string,
): CacheEvictOptions<R> {
  onlyKnown(options, EVICTIONS, where);
  const { tags, keys, models } = options;
  if (tags === undefined && keys === undefined && models === undefined) {
    throw new HttpCacheOptionsError(where, {
      problem: 'there is nothing to evict',
      expected: 'tags, keys or models',
    });
  }
  if (tags !== undefined && typeof tags !== 'function')
    list(tags, 'tags', where).forEach((tag) => at(where, () => checkedName('tag', tag)));
  if (keys !== undefined && typeof keys !== 'function')
    list(keys, 'keys', where).forEach((key) => at(where, () => checkedName('key', key)));
  if (models !== undefined && typeof models !== 'function')
    list(models, 'models', where).forEach((of) => at(where, () => model(of)));
  return options;
}

function checkQuery(query: QueryRule, where: string): void {
  const { only, ignore } = query as { only?: unknown; ignore?: unknown };
  const names = only ?? ignore;
  const right =
    (only === undefined) !== (ignore === undefined) &&
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string' && name !== '');
  if (!right) {
    throw new HttpCacheOptionsError(where, {
      problem: `query is ${shown(query)} of something else`,
      expected: "{ only: ['page'] } or { ignore: ['utm_*'] }",
    });
  }
}

function onlyKnown(options: object, known: readonly string[], where: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new HttpCacheOptionsError(where, {
      problem: `the options are ${shown(options)}`,
      expected: 'an object',
    });
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new HttpCacheOptionsError(where, {
      problem: `there is no option ${shown(unknown)}`,
      expected: `one of ${known.join(', ')}`,
    });
  }
}

function list<T>(value: readonly T[], name: string, where: string): readonly T[] {
  if (Array.isArray(value) && value.length > 0) return value as readonly T[];
  throw new HttpCacheOptionsError(where, {
    problem: `${name} is ${shown(value)}${Array.isArray(value) ? ' that is empty' : ''}`,
    expected: 'a list of at least one',
  });
}

/** Errors of the parts, told with the place where they were written. */
function at(where: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof FloraError)) throw error;
    throw new HttpCacheOptionsError(where, { problem: error.message.replace(/\.$/, ''), cause: error });
  }
}
