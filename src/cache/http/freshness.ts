import type { OutgoingHttpHeaders } from 'node:http';
import type { CacheControl } from './headers/cache-control.js';
import { parseHttpDate } from './headers/http-date.js';
import { controlOf, type FreshnessSource } from './storing.js';

/** What a route says about how long its answers may be served. Milliseconds. */
export interface FreshnessRules {
  freshness: FreshnessSource;
  /** The lifetime (`route`), or the most that an answer may claim for itself (`response`). */
  ttl: number;
  /** What holds where the answer itself says nothing of the kind. */
  staleWhileRevalidate: number;
  staleIfError: number;
}

/** How long an answer may be served, and how long it is of use after that. Milliseconds. */
export interface Lifetimes {
  ttl: number;
  /** How long after the ttl it may be served while it is loaded anew (RFC 5861 §3), and when that fails (§4). */
  staleWhileRevalidate: number;
  staleIfError: number;
  /** How long after the ttl it is kept to be revalidated: 0 for what nothing can be compared with. */
  keep: number;
  /** Never served stale, whoever allows it: `must-revalidate` and its kind (RFC 9111 §4.2.4). */
  isStrict: boolean;
}

/** Statuses that a cache may give a lifetime of its own making (RFC 9110 §15.1), but for 206. */
const HEURISTIC = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
const MINUTE = 60_000;
const DAY = 86_400_000;
/** The part of an answer's age at birth that it is taken to stay as it is (RFC 9111 §4.2.2), and the most of it. */
const HEURISTIC_PART = 0.1;

/** @param age seconds that the answer was old when it came, see `initialAge` */
export function lifetimes(
  { status, headers, age }: { status: number; headers: OutgoingHttpHeaders; age: number },
  rules: FreshnessRules,
  now: number,
): Lifetimes {
  const { freshness } = rules;
  const control = controlOf(headers, freshness);
  const own = explicit(control, headers, now);
  const ttl = Math.max(0, Math.floor(Math.min(rules.ttl, fresh())));
  const mayBeStale = !['must-revalidate', 'proxy-revalidate', 'no-cache'].some((name) => control.has(name));
  // s-maxage means proxy-revalidate (RFC 9111 §5.2.2.10), but for an answer that says itself what else it allows.
  const byRoute = mayBeStale && !control.has('s-maxage');
  const stale = (directive: string, ofRoute: number): number => {
    const said = mayBeStale ? control.seconds(directive) : undefined;
    return said === undefined ? (byRoute ? ofRoute : 0) : said * 1_000;
  };
  return {
    ttl,
    staleWhileRevalidate: stale('stale-while-revalidate', rules.staleWhileRevalidate),
    staleIfError: status < 500 ? stale('stale-if-error', rules.staleIfError) : 0,
    keep: isWorthKeeping() ? Math.min(Math.max(ttl, MINUTE), DAY) : 0,
    isStrict: !byRoute,
  };

  function fresh(): number {
    if (freshness === 'response' && control.has('no-cache')) return 0;
    if (own !== undefined) return (own - age) * 1_000;
    if (freshness === 'route') return Infinity;
    return heuristic(status, control, headers, now) - age * 1_000;
  }

  /** Only what says something of its freshness: frameworks put an ETag on everything. */
  function isWorthKeeping(): boolean {
    if (freshness === 'route') return false;
    const isSaid = own !== undefined || control.has('no-cache') || headers['last-modified'] !== undefined;
    return isSaid && (headers.etag !== undefined || headers['last-modified'] !== undefined);
  }
}

/** Seconds that the answer says of itself: s-maxage before max-age before Expires (RFC 9111 §4.2.1). */
function explicit(
  control: CacheControl & { isTargeted?: boolean },
  headers: OutgoingHttpHeaders,
  now: number,
): number | undefined {
  const said = control.seconds('s-maxage') ?? control.seconds('max-age');
  if (said !== undefined || control.isTargeted || headers.expires === undefined) return said;
  // A date that can't be read, "0" above all, is in the past (RFC 9111 §5.3).
  const at = parseHttpDate(headers.expires, now) ?? 0;
  return Math.max(0, (at - (parseHttpDate(headers.date, now) ?? now)) / 1_000);
}

function heuristic(status: number, control: CacheControl, headers: OutgoingHttpHeaders, now: number): number {
  const modified = parseHttpDate(headers['last-modified'], now);
  if (modified === undefined || !(HEURISTIC.has(status) || control.has('public'))) return 0;
  const since = (parseHttpDate(headers.date, now) ?? now) - modified;
  return Math.min(Math.max(0, since * HEURISTIC_PART), DAY);
}

/**
 * Seconds that a response was old when the handler gave it, a proxied one for example (RFC 9111 §4.2.3). The first
 * value counts where there are several, and only if it is a number.
 *
 * @param delay milliseconds that the handler took: part of the age of what another cache had
 */
export function initialAge(headers: OutgoingHttpHeaders, now = Date.now(), delay = 0): number {
  const [first = ''] = String([headers.age ?? ''].flat()[0]).split(',');
  const age = /^[ \t]*\d+[ \t]*$/.test(first) ? Math.min(Number(first), 2 ** 31) : 0;
  const date = parseHttpDate(headers.date, now);
  const apparent = date === undefined ? 0 : Math.max(0, now - date) / 1_000;
  const corrected = headers.age === undefined ? 0 : age + delay / 1_000;
  return Math.floor(Math.max(apparent, corrected));
}
