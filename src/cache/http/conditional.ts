import type { IncomingHttpHeaders } from 'node:http';
import type { StoredAnswer } from './responses/frame.js';
import { parseHttpDate } from './headers/http-date.js';

/** What identifies a stored answer towards a client that has one already. */
export interface Validators {
  etag?: string | undefined;
  lastModified?: string | undefined;
}

const CONDITIONS = ['if-none-match', 'if-modified-since'] as const;

/** Whether a request has any condition that a 304 can be the answer to. */
export const isConditional = (headers: IncomingHttpHeaders): boolean =>
  headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined;

/** What the handler gave to compare an answer by. A tag that was made of the bytes here tells it nothing. */
export function validatorsOf({ headers }: Pick<StoredAnswer, 'headers'>): Validators {
  const field = (wanted: string): string | undefined => {
    const value = headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
    return typeof value === 'string' ? value : undefined;
  };
  return { etag: field('etag'), lastModified: field('last-modified') };
}

/** Asks the handler whether what it gave is still right (RFC 9111 §4.3.1). */
export function askConditionally(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): void {
  if (etag !== undefined) headers['if-none-match'] = etag;
  if (lastModified !== undefined) headers['if-modified-since'] = lastModified;
}

/**
 * While the handler makes an answer for everybody, one client's conditions are not shown to it: a 304 can't be
 * stored. Gives the function that puts them back.
 */
export function hideConditions(headers: IncomingHttpHeaders): () => void {
  const hidden = CONDITIONS.map((name) => [name, headers[name]] as const);
  for (const name of CONDITIONS) delete headers[name];
  return () => {
    for (const [name, value] of hidden) {
      if (value === undefined) delete headers[name];
      else headers[name] = value;
    }
  };
}

/**
 * Whether what the client has is still right, so that 304 is the answer (RFC 9110 §13.2.2): If-None-Match is
 * compared weakly and makes If-Modified-Since irrelevant.
 */
export function isNotModified(request: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const noneMatch = request['if-none-match'];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return true;
    return etag !== undefined && entityTags(noneMatch).has(opaque(etag));
  }
  const since = parseHttpDate(request['if-modified-since']);
  const modified = parseHttpDate(lastModified);
  return since !== undefined && modified !== undefined && modified <= since;
}

const ENTITY_TAG = /[\t ]*(?:(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?[\t ]*(?:,|$)/y;

/** Opaque parts of a list of entity tags. One that breaks the grammar ends the list: what follows is unknown. */
function entityTags(field: string): Set<string> {
  const tags = new Set<string>();
  ENTITY_TAG.lastIndex = 0;
  while (ENTITY_TAG.lastIndex < field.length) {
    const match = ENTITY_TAG.exec(field);
    if (!match) break;
    if (match[1] !== undefined) tags.add(match[1]);
  }
  return tags;
}

const opaque = (etag: string): string => (etag.startsWith('W/') ? etag.slice(2) : etag);
