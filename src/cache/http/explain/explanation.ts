import { createHmac, randomBytes } from 'node:crypto';
import type { CacheService } from '../../cache.service.js';
import type { Entry } from '../../engine/entry.js';
import type { StoredAnswer } from '../responses/frame.js';
import type { Route } from '../http-cache.route.js';
import { headerValues, type EntryIdentity } from '../key.js';
import { FORWARDED } from '../policy.js';
import type { Standing } from '../use.js';

/** What the cache would do with a request, and why. Durations are seconds. */
export interface HttpCacheExplanation {
  /**
   * `hit`: answered from a fresh entry. `stale`: from a stale one, which is loaded anew meanwhile. `miss`: the handler
   * answers, and that may be stored. `bypass`: the handler answers, and the cache has no part in it. `uncached`: the
   * request reaches no cached route.
   */
  outcome: 'hit' | 'stale' | 'miss' | 'bypass' | 'uncached';
  /**
   * Why, in the words of Cache-Status: `cookie`, `scope`, `uri-miss`, `vary-miss`, `stale`, `uncacheable`. For
   * `uncached`: `route` where it is not cached, or the status with which the application answered before.
   */
  reason?: string;
  /** Controller and method, and what their decorators come to. */
  route?: ExplainedRoute;
  /** What tells this answer from others. Absent where the request bypasses before it is known. */
  key?: ExplainedKey;
  /** What is stored for it, fresh or stale. */
  entry?: ExplainedEntry;
}

export interface ExplainedRoute {
  /** `ProductsController#list` */
  id: string;
  ttl: number;
  freshness: 'route' | 'response';
  staleWhileRevalidate: number;
  staleIfError: number;
  /** How users are told apart. */
  scope: 'none' | 'public' | 'function';
  vary: readonly string[];
  strict: boolean;
}

/** Values that may tell who asks are fingerprints: equal for equal values, in this process only. */
export interface ExplainedKey {
  /** Of all parts but header values. */
  hash: string;
  /** Controller and method, the route's pattern, and the version asked for. */
  route: readonly (string | null)[];
  scheme: string;
  host: string;
  path?: string;
  /** As it is compared: in order, without parameters that don't matter. */
  query?: string;
  /** The author's key in the place of path and query. */
  userKey?: string;
  /** What the scope function said: a fingerprint; null without one. */
  scope: string | null;
  /** Values of the headers that the answer depends on; null for absent ones. */
  headers: Readonly<Record<string, string | null>>;
}

export interface ExplainedEntry {
  source: 'memory' | 'redis';
  status: number;
  bytes: number;
  etag: string | undefined;
  storedAt: Date;
  age: number;
  /** Seconds that it stays fresh; below 0 it has been stale for so long. */
  freshFor: number;
  /** Seconds after that in which it may be served stale: while it is loaded anew, and when that fails. */
  staleWhileRevalidate: number;
  staleIfError: number;
  tags: readonly string[];
}

export const explainedRoute = (route: Route): ExplainedRoute => ({
  id: route.id,
  ttl: route.ttl / 1_000,
  freshness: route.freshness,
  staleWhileRevalidate: route.staleWhileRevalidate / 1_000,
  staleIfError: route.staleIfError / 1_000,
  scope: typeof route.scope === 'function' ? 'function' : (route.scope ?? 'none'),
  vary: route.vary,
  strict: route.strict,
});

/** Header values that are for all to see: what a client prefers, and where proxies say that it comes from. */
const OPEN = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'origin',
  ...FORWARDED,
]);

export function explainedKey(
  hash: string,
  { route, scheme, host, target, forwarded, scope }: EntryIdentity,
  [names, headers]: [names: readonly string[], headers: Parameters<typeof headerValues>[1]],
): ExplainedKey {
  const values = new Map([
    ...FORWARDED.map((name, index) => [name, forwarded[index] ?? null] as const).filter(([, value]) => value),
    ...headerValues(names, headers).map((value, index) => [names[index] as string, value] as const),
  ]);
  const [kind, first, second] = target;
  return {
    hash,
    route,
    scheme,
    host,
    ...(kind === 'key' ? { userKey: first as string } : { path: first as string, query: second as string }),
    scope: scope === null ? null : fingerprint(scope),
    headers: Object.fromEntries(
      [...values].map(([name, value]) => [
        name,
        value === null || OPEN.has(name) ? value : fingerprint(value),
      ]),
    ),
  };
}

/** Nobody can try values against it elsewhere. */
const SECRET = randomBytes(32);
const fingerprint = (value: string): string =>
  `#${createHmac('sha256', SECRET).update(value).digest('base64url').slice(0, 12)}`;

export function explainedEntry(
  cache: CacheService,
  { entry, source }: { entry: Entry; source: 'memory' | 'redis' },
  answer: StoredAnswer,
  { age, freshFor, limits }: Standing,
): ExplainedEntry {
  return {
    source: cache.options.redis === false ? 'memory' : source,
    status: answer.status,
    bytes: answer.body.length,
    etag: answer.etag,
    storedAt: new Date(entry.storedAt),
    age: Math.max(0, Math.floor(age / 1_000)),
    freshFor: Math.floor(freshFor / 1_000),
    staleWhileRevalidate: limits.revalidate / 1_000,
    staleIfError: limits.error / 1_000,
    tags: cache.userTags(entry.tags).filter((tag) => !tag.startsWith('path:')),
  };
}
