import type { EventEmitter } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { toMilliseconds } from '../../duration.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import type { FreshnessRules } from './freshness.js';
import type { HttpCacheContext } from './http-cache.context.js';
import type { CacheResponseOptions, TagFunction } from './http-cache.options.js';
import type { QueryRule } from './key.js';
import type { RequestWatch } from './strict/request-watch.js';

/** A cached route: options complete, durations in milliseconds. */
export interface Route extends FreshnessRules {
  /** Controller and method; what tells two handlers of one path apart. */
  id: string;
  key: CacheResponseOptions['key'];
  tags: readonly (string | TagFunction)[];
  /** In lower case, sorted, each once. */
  vary: readonly string[];
  query: QueryRule | undefined;
  scope: CacheResponseOptions['scope'];
  /** Whether requests may ask for other than what the cache would give: `no-cache`, `max-stale` and the like. */
  requestDirectives: boolean;
  /** Whether a write to the path of an answer drops it. */
  invalidateOnUnsafe: boolean;
  /** Whether hits in memory are answered before the framework. */
  early: boolean;
  maxBodyBytes: number;
  /** Whether an answer is stored only if the key covers what its handler read of the request. */
  strict: boolean;
}

/** One request to a cached route and the response to it. */
export interface Exchange {
  context: HttpCacheContext;
  raw: ServerResponse;
  /** Headers that the response had when it reached the route: those of outer middleware, of this request alone. */
  entryHeaders: OutgoingHttpHeaders;
  /** When the request came, in milliseconds since the epoch. */
  askedAt: number;
  /** The API version asked for, where the application has versions that are not in the URL. */
  version: string | null;
  /** The request header that says it, in lower case, where the key holds that. */
  versionHeader?: string | undefined;
  /** Whether something ends the response on a hit too, so that the answer can take that place. */
  isEnded: boolean;
  /** What the handler returned, where that is known. */
  returned?: unknown;
  /** The handler failed, or nobody waited for it: whatever is sent, exception filters or fallbacks made it. */
  isForsaken?: boolean;
  /** What is read of the request, where the route is strict. */
  watch?: RequestWatch;
  /** What is given requests of this kind, where that is known: a stale answer is loaded anew by one of them. */
  server?: EventEmitter | undefined;
}

const DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024;
/** The most that an answer may claim for itself: delta-seconds end there (RFC 9111 §1.2.2). */
const LONGEST = 2 ** 31 * 1_000;

/** Options as they were checked, with the cache's defaults behind them. */
export function resolveRoute(
  id: string,
  options: CacheResponseOptions,
  defaults: ResolvedCacheOptions,
): Route {
  const { ttl, key, tags = [], vary = [], query, scope, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  const {
    freshness = 'route',
    requestDirectives = false,
    invalidateOnUnsafe = true,
    strict = false,
    early = false,
  } = options;
  const { staleWhileRevalidate = 0, staleIfError = 0 } = options;
  const longest = freshness === 'response' ? LONGEST : defaults.ttl;
  return {
    id,
    ttl: ttl === undefined ? longest : toMilliseconds(ttl, 'ttl'),
    freshness,
    staleWhileRevalidate: toMilliseconds(staleWhileRevalidate, 'staleWhileRevalidate'),
    staleIfError: toMilliseconds(staleIfError, 'staleIfError'),
    key,
    tags,
    vary: [...new Set(vary.map((name) => name.toLowerCase()))].sort(),
    query,
    scope,
    requestDirectives,
    invalidateOnUnsafe,
    strict,
    early,
    maxBodyBytes: Math.min(maxBodyBytes, defaults.maxValueBytes),
  };
}
