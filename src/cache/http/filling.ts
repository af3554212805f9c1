import type { OutgoingHttpHeaders } from 'node:http';
import type { CacheService } from '../cache.service.js';
import type { EntryLead, FillOptions } from '../engine/entry-access.js';
import { etagOf, type AnswerHead } from './responses/answer-head.js';
import { encodeFrame, type StaleLimits } from './responses/frame.js';
import { lifetimes, type Lifetimes } from './freshness.js';
import type { Exchange, Route } from './http-cache.route.js';
import { pathTag, variantHash } from './key.js';

export interface FillingOptions {
  cache: CacheService;
  exchange: Exchange;
  route: Route;
  lead: EntryLead;
  /** Of the entry that the lead is for. */
  hash: string;
  /** Whether an answer under this hash may be stored at all. */
  admits: (hash: string) => boolean;
}

/** An answer that may be stored. */
export interface Storable {
  head: AnswerHead;
  body: Buffer;
  /** Header fields as they were sent. */
  sent: OutgoingHttpHeaders;
  /** Headers, beyond those in the hash, that the answer depends on. */
  newNames: readonly string[];
  /** Hash of the answer below the one that says which headers matter; the same without new names. */
  own: string;
}

/** Registry tags that all entries of a request carry, known before its answer is. */
export function knownTags(cache: CacheService, { context }: Exchange, route: Route): string[] {
  const tags = route.tags.filter((tag) => typeof tag === 'string');
  const ofPath = route.invalidateOnUnsafe ? [pathTag(context.host, context.url)] : [];
  return cache.registryTags([...tags, ...ofPath]);
}

/** Whether an answer is of any use later: fresh, servable stale, or something to compare with. */
export const isOfUse = ({ ttl, staleWhileRevalidate, staleIfError, keep }: Lifetimes): boolean =>
  Math.max(ttl, staleWhileRevalidate, staleIfError, keep) > 0;

/**
 * Stores an answer, and what says where it is found.
 *
 * @param onShared called when those who wait are about to be told
 * @returns whether it was left alone, for want of use or room
 */
export async function fill(
  options: FillingOptions,
  { head, body, sent, newNames, own }: Storable,
  onShared: () => void,
): Promise<'refused' | 'filled'> {
  const { cache, exchange, route, lead, admits } = options;
  const headers = { ...sent, etag: head.etag };
  const { status, age } = head;
  const lives = lifetimes({ status, headers, age }, route, cache.options.clock.now());
  if (!isOfUse(lives) || !admits(own)) return 'refused';
  const terms: FillOptions = {
    ttl: Math.max(1, lives.ttl),
    staleTtl: Math.max(lives.staleWhileRevalidate, lives.staleIfError, lives.keep),
    tags: [...knownTags(cache, exchange, route), ...cache.registryTags(tagsOf(options, head, body))],
    codec: 'http',
  };
  const stale = limitsOf(lives);
  const answer = encodeFrame({ kind: 'answer', ...head, etag: etagOf(head, body), stale, body });
  if (newNames.length === 0) {
    onShared();
    await lead.fill(answer, terms);
    return 'filled';
  }
  // Opened before those who wait are told which headers matter: they find it under way.
  const opened = await cache.openEntry({ hash: { space: 'http', value: own }, tags: terms.tags ?? [] });
  onShared();
  const told = await lead.fill(encodeFrame({ kind: 'variants', names: newNames }), { ...terms, tags: [] });
  // The second lead is younger than the load, which must not hide an invalidation since that began. Stored means
  // that Redis was there all the time: only then the stamps of both leads are of one registry.
  const isComparable = told === 'stored' || (!opened.found && opened.asOf === lead.asOf);
  if (opened.found) opened.refresh?.pass();
  else if (isComparable) await opened.fill(answer, { ...terms, asOf: lead.asOf });
  else opened.pass();
  return 'filled';
}

function limitsOf({ ttl, staleWhileRevalidate, staleIfError, isStrict }: Lifetimes): StaleLimits | undefined {
  const always = ttl === 0 && staleWhileRevalidate === 0;
  if (staleWhileRevalidate === 0 && staleIfError === 0 && !always && !isStrict) return undefined;
  return {
    revalidate: staleWhileRevalidate,
    error: staleIfError,
    ...(always && { always }),
    ...(isStrict && { isStrict }),
  };
}

/** Tags of the answer that were not known before: those that functions make. */
function tagsOf({ exchange, route }: FillingOptions, head: AnswerHead, body: Buffer): string[] {
  if (route.tags.every((tag) => typeof tag === 'string')) return [];
  const content = exchange.returned ?? parsed(head, body);
  return route.tags.flatMap((tag) => (typeof tag === 'string' ? [] : tag(exchange.context, content)));
}

/** What tag functions see where it is not known what the handler returned: JSON parsed, or else the bytes. */
function parsed({ headers }: AnswerHead, body: Buffer): unknown {
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  return /\bjson\b/i.test(String(type)) ? (JSON.parse(body.toString()) as unknown) : body;
}

/** Where an answer is found that depends on further headers. */
export const ownHash = (
  hash: string,
  newNames: readonly string[],
  headers: Exchange['context']['headers'],
): string => (newNames.length > 0 ? variantHash(hash, newNames, headers) : hash);
