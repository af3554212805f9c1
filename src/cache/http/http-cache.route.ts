import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { toMilliseconds } from '../../duration.js';
import type { ResolvedCacheOptions } from '../cache.options.js';
import type { HttpCacheContext } from './http-cache.context.js';
import type { CacheResponseOptions, TagFunction } from './http-cache.options.js';
import type { QueryRule } from './key.js';

/** A cached route: options complete, durations in milliseconds. */
export interface Route {
  /** Controller and method; what tells two handlers of one path apart. */
  id: string;
  ttl: number;
  key: CacheResponseOptions['key'];
  tags: readonly (string | TagFunction)[];
  /** In lower case, sorted, each once. */
  vary: readonly string[];
  query: QueryRule | undefined;
  scope: CacheResponseOptions['scope'];
  maxBodyBytes: number;
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
  /** Whether something ends the response on a hit too, so that the answer can take that place. */
  isEnded: boolean;
  /** What the handler returned, where that is known. */
  returned?: unknown;
  /** The handler failed, or nobody waited for it: whatever is sent, exception filters or fallbacks made it. */
  isForsaken?: boolean;
}

const DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Options as they were checked, with the cache's defaults behind them. */
export function resolveRoute(
  id: string,
  options: CacheResponseOptions,
  defaults: ResolvedCacheOptions,
): Route {
  const { ttl, key, tags = [], vary = [], query, scope, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  return {
    id,
    ttl: ttl === undefined ? defaults.ttl : toMilliseconds(ttl, 'ttl'),
    key,
    tags,
    vary: [...new Set(vary.map((name) => name.toLowerCase()))].sort(),
    query,
    scope,
    maxBodyBytes: Math.min(maxBodyBytes, defaults.maxValueBytes),
  };
}
