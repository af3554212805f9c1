import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { weakEtag, type StoredAnswer } from './frame.js';
import type { Exchange } from '../http-cache.route.js';
import { initialAge } from '../freshness.js';

/** A stored answer without its body. */
export type AnswerHead = Omit<StoredAnswer, 'kind' | 'body'>;

/** Headers that are of one connection or one moment (RFC 9111 §3.1), or made anew for every answer. */
export const NOT_STORED: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is stored of a head that is about to leave at this moment, in milliseconds since the epoch. */
export function answerHead(
  exchange: Exchange,
  status: number,
  headers: OutgoingHttpHeaders,
  now: number,
): AnswerHead {
  const stored = storedHeaders(exchange);
  // A hit tells when the answer was made, not when it was served again (RFC 9110 §6.6.1).
  const date = exchange.raw.hasHeader('date') ? [] : [['Date', new Date(now).toUTCString()] as const];
  return {
    status,
    headers: [...stored, ...date],
    etag: text(headers.etag),
    lastModified: text(headers['last-modified']),
    age: initialAge(headers, now, now - exchange.askedAt),
  };
}

/** The handler's ETag, or one made from the bytes. Redirects get none. */
export const etagOf = ({ status, etag }: AnswerHead, body: Buffer): string | undefined =>
  etag ?? (status < 300 ? weakEtag(body) : undefined);

/** What the handler's side set: headers that were there before (request id, CORS) are of this request. */
function storedHeaders({ raw, entryHeaders }: Exchange): StoredAnswer['headers'] {
  const perConnection = new Set(
    String(raw.getHeader('connection') ?? '')
      .toLowerCase()
      .split(/\s*,\s*/),
  );
  const removed = Object.keys(entryHeaders).filter((name) => !raw.hasHeader(name) && !NOT_STORED.has(name));
  const written = writtenNames(raw).flatMap((name): [string, string | string[]][] => {
    const lower = name.toLowerCase();
    const value = raw.getHeader(name);
    if (value === undefined || NOT_STORED.has(lower) || perConnection.has(lower)) return [];
    if (sameValue(value, entryHeaders[lower])) return [];
    return [[name, Array.isArray(value) ? value.map(String) : String(value)]];
  });
  return [...written, ...removed.map((name) => [name, null] as const)];
}

/** Names as they were written; HTTP/2 responses have lower-case ones only. */
function writtenNames(raw: Exchange['raw']): string[] {
  const { getRawHeaderNames } = raw as { getRawHeaderNames?: () => string[] };
  return getRawHeaderNames?.call(raw) ?? raw.getHeaderNames();
}

/** Whether two header values are the same once sent. */
export function sameValue(
  one: OutgoingHttpHeader | undefined,
  other: OutgoingHttpHeader | undefined,
): boolean {
  return one === undefined || other === undefined ? one === other : String(one) === String(other);
}

export const text = (value: OutgoingHttpHeader | undefined): string | undefined =>
  value === undefined ? undefined : String(value);
