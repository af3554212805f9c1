import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { hostOf, schemeOf } from './http-cache.context.js';
import { headerValues } from './key.js';
import { FORWARDED } from './policy.js';

/**
 * All that decides which handler a request reaches, and under which key its answer is, byte for byte: what the
 * framework makes of a path is not guessed. Neither a target nor a host can hold a line break.
 */
export function requestIdentity(request: IncomingMessage, url: string, version: string | null): string {
  const { headers, method = '' } = request;
  const identity = `${method} ${schemeOf(request)} ${hostOf(request)}\n${url}`;
  const isForwarded = FORWARDED.some((name) => headers[name] !== undefined);
  if (!isForwarded && version === null) return identity;
  return `${identity}\n${JSON.stringify([version, ...headerValues(FORWARDED, headers)])}`;
}

/** Whether these headers are what the client sent: middleware may have put others in their place. */
export function areAsSent({ headers, rawHeaders }: IncomingMessage, names: readonly string[]): boolean {
  return names.every((name) => {
    const sent = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
    const value = headers[name];
    return value === undefined ? sent.length === 0 : sent[0] === value || sent.join(', ') === String(value);
  });
}

/**
 * Headers of outer middleware that belong to a page, whoever asks for it: without them browsers would protect it
 * less, and caches behind would give it to whom it is not for.
 */
const OF_THE_PAGE = new Set([
  'access-control-allow-credentials',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'content-security-policy',
  'content-security-policy-report-only',
  'cross-origin-embedder-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'origin-agent-cluster',
  'permissions-policy',
  'referrer-policy',
  'strict-transport-security',
  'timing-allow-origin',
  'vary',
  'x-content-type-options',
  'x-dns-prefetch-control',
  'x-download-options',
  'x-frame-options',
  'x-permitted-cross-domain-policies',
  'x-xss-protection',
]);

export type PageHeaders = readonly (readonly [name: string, value: string | string[]])[];

/** Those of them that the response has; undefined where they are made anew for every answer. */
export function pageHeaders(headers: OutgoingHttpHeaders): PageHeaders | undefined {
  const kept = Object.entries(headers).flatMap(([name, value]): [string, string | string[]][] =>
    value !== undefined && OF_THE_PAGE.has(name.toLowerCase())
      ? [[name, Array.isArray(value) ? value : String(value)]]
      : [],
  );
  return kept.some(([, value]) => String(value).includes("'nonce-")) ? undefined : kept;
}

/** Whether a request can't be answered early, whatever is stored: left to what knows more. */
export function needsMore(headers: IncomingHttpHeaders, vary: ReadonlySet<string>): boolean {
  // What middleware says to another site's pages it says to each of them.
  if (headers.origin !== undefined && !vary.has('origin')) return true;
  return headers.range !== undefined || headers['if-range'] !== undefined;
}
