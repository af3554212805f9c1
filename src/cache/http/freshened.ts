import type { OutgoingHttpHeaders } from 'node:http';
import { NOT_STORED, type AnswerHead } from './responses/answer-head.js';
import type { StoredAnswer } from './responses/frame.js';

/** Of a 304 these say nothing of the stored body, or what frameworks say of the empty one (RFC 9111 §3.2). */
const OF_THE_BODY = new Set(['content-encoding', 'content-length', 'content-range', 'content-type', 'etag']);

/**
 * The stored head with the fields of a 304 in the place of its own (RFC 9111 §4.3.4). Its entity tag stays: it is
 * the one that the handler was asked about.
 *
 * @param fields what the 304 brought, without what is of the connection or the request
 */
export function freshenedHead(stored: StoredAnswer, fields: AnswerHead): AnswerHead {
  const { status, headers, etag, lastModified } = stored;
  const news = fields.headers.filter(([name]) => !OF_THE_BODY.has(name.toLowerCase()));
  const named = new Set(news.map(([name]) => name.toLowerCase()));
  return {
    status,
    headers: [...headers.filter(([name]) => !named.has(name.toLowerCase())), ...news],
    etag,
    lastModified: fields.lastModified ?? lastModified,
    age: fields.age,
  };
}

/** A stored head as header fields, by lower-case name. */
export function fieldsOf({ headers, etag }: AnswerHead): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {};
  for (const [name, value] of headers)
    if (value !== null && !NOT_STORED.has(name.toLowerCase())) fields[name.toLowerCase()] = value;
  if (etag !== undefined) fields.etag ??= etag;
  return fields;
}
