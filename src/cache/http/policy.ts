import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** What the policy must know of a request. */
export interface RequestFacts {
  method: string;
  headers: IncomingHttpHeaders;
  hasBody: boolean;
  /** Someone is known to ask: `request.user` is set, or the client showed a certificate of its own. */
  authenticated: boolean;
}

/** What the policy must know of a route. */
export interface RouteRules {
  /** Whether the route says how users are told apart; without it nothing personalised is looked up. */
  scoped: boolean;
  /** Header names whose values are part of the key. */
  vary: ReadonlySet<string>;
}

/** Headers by which a client, or a proxy that has authenticated it, says who it is. */
export const CREDENTIALS: readonly string[] = [
  'authorization',
  'cookie',
  'proxy-authorization',
  'remote-user',
  'x-access-token',
  'x-api-key',
  'x-auth-request-user',
  'x-auth-token',
  'x-forwarded-client-cert',
  'x-forwarded-user',
  'x-remote-user',
  'x-session-id',
  'x-session-token',
  'x-tenant-id',
  'x-user-id',
];
/** Headers by which a request may mean another one than its first line says, read by frameworks or proxies. */
const OVERRIDES = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
  'forwarded',
];
/** Preconditions of writes are for whoever holds the resource (RFC 9111 §4.3.2). */
const PRECONDITIONS = ['if-match', 'if-unmodified-since'];
/** Headers with which a request goes past the cache, whoever asks. */
export const GOES_PAST: readonly string[] = [...PRECONDITIONS, ...OVERRIDES];
/**
 * Headers of reverse proxies that change links and redirects in answers. They are part of every key, so that
 * neither a proxy's absence nor a forged value reaches anyone else.
 */
export const FORWARDED = [
  'x-forwarded-host',
  'x-forwarded-path',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-ssl',
  'x-host',
  'x-original-host',
];

/** Why a request must not be answered from the cache, nor its answer stored: undefined if it may. */
export function bypassReason(request: RequestFacts, route: RouteRules): string | undefined {
  const { headers } = request;
  if (request.method !== 'GET' && request.method !== 'HEAD') return 'method';
  if (headers.upgrade !== undefined) return 'upgrade';
  if (headers.accept?.includes('text/event-stream')) return 'event-stream';
  if (request.hasBody) return 'body';
  const unkeyed = (name: string): boolean => headers[name] !== undefined && !route.vary.has(name);
  const header = GOES_PAST.find(unkeyed);
  if (header !== undefined || route.scoped) return header;
  return CREDENTIALS.find(unkeyed) ?? (request.authenticated ? 'user' : undefined);
}

/** How often an answer may turn out to depend on further headers. */
export const MOST_LEVELS = 4;

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Names, in lower case, of the request headers that a response depends on (RFC 9111 §4.1); `*` if it depends on
 * more than can be named. What is encoded depends on what the client accepts, said or not.
 */
export function varyNames(headers: OutgoingHttpHeaders): Set<string> | '*' {
  const field = headers.vary;
  const names = (Array.isArray(field) ? field.join(',') : (field ?? ''))
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  if (names.some((name) => name === '*' || !FIELD_NAME.test(name))) return '*';
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase();
  return new Set(encoding === 'identity' ? names : [...names, 'accept-encoding']);
}
