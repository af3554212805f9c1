import type { OutgoingHttpHeaders } from 'node:http';
import { parseCacheControl, targetedControl, type CacheControl } from './headers/cache-control.js';
import { varyNames } from './policy.js';

/** Who says how long an answer stays fresh: the route, or the answer's own header fields. */
export type FreshnessSource = 'route' | 'response';

/** Cacheable by default (RFC 9110 §15.1) without 206, which is not whole, and errors, which are not answers. */
const STORABLE = new Set([200, 203, 301, 308]);
/** What no cache of whole answers stores, whatever the answer says: parts, and answers to one client's condition. */
const NEVER_STORABLE = new Set([206, 304]);
/** Statuses whose meaning for caches is known: those of RFC 9110 §15. What is not here is refused by must-understand. */
const UNDERSTOOD = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407,
  408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 428, 429, 431, 451, 500, 501, 502, 503,
  504, 505, 511,
]);
const ENDLESS = /^(?:text\/event-stream|multipart\/x-mixed-replace)\b/i;

/** The directives that hold for an answer. Only routes that leave freshness to it look at CDN-Cache-Control. */
export const controlOf = (
  headers: OutgoingHttpHeaders,
  source: FreshnessSource,
): CacheControl & { isTargeted?: boolean } =>
  source === 'response' ? targetedControl(headers) : parseCacheControl(headers['cache-control']);

/** Why a response must not be stored (RFC 9111 §3, as a shared cache): undefined if it may. */
export function refusalReason(
  status: number,
  headers: OutgoingHttpHeaders,
  source: FreshnessSource = 'route',
): string | undefined {
  const isStorable = source === 'route' ? STORABLE.has(status) : status >= 200 && !NEVER_STORABLE.has(status);
  if (!isStorable) return 'status';
  // On a status other than 206 it has no meaning; in an application it is a mistake that nobody should multiply.
  if (headers['content-range'] !== undefined && source === 'route') return 'content-range';
  if (headers.trailer !== undefined) return 'trailer';
  if (ENDLESS.test(String(headers['content-type'] ?? ''))) return 'event-stream';
  return personalReason(headers, source, status) ?? (varyNames(headers) === '*' ? 'vary' : undefined);
}

/** The part of the refusal that outer middleware may add when the head leaves: asked once more then. */
export function personalReason(
  headers: OutgoingHttpHeaders,
  source: FreshnessSource = 'route',
  status?: number,
): string | undefined {
  if (headers['set-cookie'] !== undefined) return 'set-cookie';
  const control = controlOf(headers, source);
  if (control.malformed) return 'cache-control';
  // A qualified private or no-cache counts as unqualified (RFC 9111 §5.2.2.4 allows it).
  if (control.has('no-store') && !isUnderstood(control, source, status)) return 'no-store';
  if (control.has('private')) return 'private';
  if (source === 'response') return undefined; // no-cache: it may be stored, to be revalidated
  if (control.has('no-cache')) return 'no-cache';
  const pragma = headers['cache-control'] === undefined && String(headers.pragma ?? '');
  return pragma && pragma.toLowerCase().includes('no-cache') ? 'no-cache' : undefined;
}

/** `no-store, must-understand` is for caches that don't know the status: others go by the rest (RFC 9111 §5.2.2.3). */
function isUnderstood(control: CacheControl, source: FreshnessSource, status: number | undefined): boolean {
  if (source === 'route' || !control.has('must-understand')) return false;
  return status === undefined || UNDERSTOOD.has(status);
}

/** Whether an answer to a request with Authorization may be shared all the same (RFC 9111 §3.5). */
export function isSharedByItsWord(headers: OutgoingHttpHeaders): boolean {
  const control = targetedControl(headers);
  return ['public', 'must-revalidate', 's-maxage'].some((directive) => control.has(directive));
}

/** What of a route decides on the Cache-Control of its answers. */
export interface EmissionRules {
  freshness: FreshnessSource;
  ttl: number;
  scope?: unknown;
  tags: readonly unknown[];
  key?: unknown;
}

/**
 * The Cache-Control of an answer that is stored and says nothing itself: what the cache really enforces. Browsers
 * and proxies are told a lifetime only where nothing can end it sooner and the answer is for everybody; else they
 * are to ask again, which an entity tag makes cheap.
 */
export function emittedControl(headers: OutgoingHttpHeaders, route: EmissionRules): string | undefined {
  const isSilent =
    headers['cache-control'] === undefined && headers.expires === undefined && headers.pragma === undefined;
  if (!isSilent || route.freshness === 'response') return undefined;
  if (typeof route.scope === 'function') return 'private, no-cache';
  const isForAll = route.scope === 'public' && route.tags.length === 0 && route.key === undefined;
  return isForAll ? `max-age=${Math.floor(route.ttl / 1_000)}` : 'no-cache';
}

/** The fields without the Cache-Control that `emittedControl` put there: it is for clients, not for this cache. */
export function withoutEmitted(headers: OutgoingHttpHeaders, route: EmissionRules): OutgoingHttpHeaders {
  const isEmitted = headers['cache-control'] === emittedControl({}, route);
  return isEmitted ? { ...headers, 'cache-control': undefined } : headers;
}
