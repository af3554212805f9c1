import type { IncomingHttpHeaders } from 'node:http';
import { parseCacheControl } from './cache-control.js';

/** What a request asks of caches (RFC 9111 §5.2.1). Seconds. */
export interface RequestDirectives {
  noStore: boolean;
  /** What is there is to be compared with the handler's before it is used. */
  noCache: boolean;
  onlyIfCached: boolean;
  maxAge?: number | undefined;
  minFresh?: number | undefined;
  /** Seconds that it may be stale; Infinity: however stale. */
  maxStale?: number | undefined;
}

/** The directives of a request that asks for nothing, or may not ask. */
export const NO_DIRECTIVES: RequestDirectives = { noStore: false, noCache: false, onlyIfCached: false };

/** What can't be read asks for nothing: a request is never refused for it. */
export function requestDirectives(headers: IncomingHttpHeaders): RequestDirectives {
  const field = headers['cache-control'];
  // What HTTP/1.0 clients send in its place (RFC 9111 §5.4).
  const pragma = field === undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(headers.pragma ?? '');
  const control = parseCacheControl(field);
  if (control.malformed) return NO_DIRECTIVES;
  return {
    noStore: control.has('no-store'),
    noCache: control.has('no-cache') || pragma,
    onlyIfCached: control.has('only-if-cached'),
    maxAge: control.seconds('max-age'),
    minFresh: control.seconds('min-fresh'),
    maxStale: control.has('max-stale')
      ? control.argument('max-stale')
        ? control.seconds('max-stale')
        : Infinity
      : undefined,
  };
}
