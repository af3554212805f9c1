import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from './http-date.js';

/** A part of a body; `end` is behind its last byte. */
export interface ByteRange {
  start: number;
  end: number;
}

const ONE_RANGE = /^bytes=[ \t]*(?:(?<first>\d{1,15})-(?<last>\d{0,15})|-(?<suffix>\d{1,15}))[ \t]*$/i;

/**
 * The one part of a body that a request asks for (RFC 9110 §14.2). `unsatisfiable`: the body ends before it.
 * Undefined, the whole body is to be sent: for several parts, which may be answered so, and for what can't be read.
 */
export function byteRange(
  headers: IncomingHttpHeaders,
  length: number,
  validators: { etag?: string | undefined; lastModified?: string | undefined },
): ByteRange | 'unsatisfiable' | undefined {
  const parts = ONE_RANGE.exec(headers.range ?? '')?.groups;
  if (!parts || !isSame(headers['if-range'], validators)) return undefined;
  if (parts.suffix !== undefined) {
    const bytes = Math.min(Number(parts.suffix), length);
    return bytes === 0 ? 'unsatisfiable' : { start: length - bytes, end: length };
  }
  const start = Number(parts.first);
  const last = parts.last ? Number(parts.last) : length - 1;
  if (parts.last && last < start) return undefined; // no range at all (§14.1.1)
  return start >= length ? 'unsatisfiable' : { start, end: Math.min(last + 1, length) };
}

/** If-Range: the client has the other parts of this very body. Weak tags say nothing about bytes (§13.1.5). */
function isSame(
  condition: string | string[] | undefined,
  { etag, lastModified }: { etag?: string | undefined; lastModified?: string | undefined },
): boolean {
  if (condition === undefined) return true;
  const wanted = String(condition).trim();
  if (wanted.startsWith('"')) return wanted === etag;
  const date = parseHttpDate(wanted);
  return date !== undefined && date === parseHttpDate(lastModified);
}
