import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { CacheService } from '../cache.service.js';
import { answerHead } from './responses/answer-head.js';
import { isOfUse } from './filling.js';
import { lifetimes } from './freshness.js';
import type { Exchange, Route } from './http-cache.route.js';
import { isSharedByItsWord, refusalReason } from './storing.js';
import { unkeyedRead } from './strict/unkeyed-reads.js';

/** What is known of a request whose answer is being recorded. */
export interface Recording {
  cache: CacheService;
  exchange: Exchange;
  route: Route;
  /** Request headers whose values made the hash. */
  keyedHeaders: readonly string[];
  /** As they came: while the handler answers, some are hidden from it. */
  requestHeaders: IncomingHttpHeaders;
  /** Whether the handler was asked under a condition. */
  isConditional: boolean;
  /** The handler read what the key does not cover, and the route is strict. */
  onUnkeyed: (name: string) => void;
}

/** An answer whose head is about to leave. `whole`: its body, where it comes in one piece. */
export interface Candidate {
  status: number;
  headers: OutgoingHttpHeaders;
  whole: Buffer | undefined;
}

/** Why an answer must not be stored, in the words of Cache-Status: undefined if it may. */
export function refusalOf(recording: Recording, { status, headers, whole }: Candidate): string | undefined {
  const { cache, exchange, route } = recording;
  const refusal = refusalReason(status, headers, route.freshness);
  if (refusal !== undefined) return refusal;
  if (exchange.isForsaken) return 'error';
  // Authentication may run behind the cache: until then it was not known that somebody asks.
  if (route.scope === undefined && exchange.context.authenticated) return 'user';
  if (!mayBeShared(recording, headers)) return 'authorization';
  const unkeyed = unkeyedRefusal(recording, headers);
  if (unkeyed !== undefined) return unkeyed;
  const now = cache.options.clock.now();
  const age = answerHead(exchange, status, headers, now).age;
  if (!isOfUse(lifetimes({ status, headers, age }, route, now))) return 'expired';
  return whole && whole.length > Math.min(route.maxBodyBytes, cache.options.maxValueBytes)
    ? 'body-size'
    : undefined;
}

/** The same for what the handler read of its request, which may be more by the time its answer has ended. */
export function unkeyedRefusal(recording: Recording, headers: OutgoingHttpHeaders): string | undefined {
  const name = unkeyedRead(recording, headers);
  if (name === undefined) return undefined;
  recording.onUnkeyed(name);
  return `unkeyed:${name}`;
}

/** Where the answer says how it may be stored, it also says whether it is for others than who was authorized. */
function mayBeShared(
  { route, keyedHeaders, requestHeaders }: Recording,
  headers: OutgoingHttpHeaders,
): boolean {
  if (route.freshness === 'route' || typeof route.scope === 'function') return true;
  const isKeyed = keyedHeaders.includes('authorization');
  return requestHeaders.authorization === undefined || isKeyed || isSharedByItsWord(headers);
}
