import type { Entry } from '../engine/entry.js';
import type { StaleLimits, StoredAnswer } from './responses/frame.js';
import type { RequestDirectives } from './headers/request-directives.js';

/** `refresh`: serve it, and load it anew meanwhile. `revalidate`: ask the handler before it is served. */
export type Use = 'serve' | 'refresh' | 'revalidate';

/** An entry at the moment in which it is asked for. Milliseconds. */
export interface Standing {
  /** Since its answer was made. */
  age: number;
  /** Until it is stale; below 0 it has been stale for so long. */
  freshFor: number;
  limits: StaleLimits;
  /** Its load began after the request came: newer than that nobody can ask for. */
  isNew: boolean;
}

const NO_LIMITS: StaleLimits = { revalidate: 0, error: 0 };

/** How an entry stands towards a request that came at `askedAt`, in milliseconds since the epoch. */
export const standingOf = (
  answer: Pick<StoredAnswer, 'age' | 'stale'>,
  entry: Pick<Entry, 'storedAt' | 'freshUntil' | 'loadTime'>,
  { now, askedAt }: { now: number; askedAt: number },
): Standing => ({
  age: answer.age * 1_000 + (now - entry.storedAt),
  freshFor: entry.freshUntil - now,
  limits: answer.stale ?? NO_LIMITS,
  isNew: entry.storedAt - entry.loadTime > askedAt,
});

/** Whether an answer may be used for a request (RFC 9111 §4, §4.2.4 and §5.2.1; RFC 5861 §3). */
export function useOf({ age, freshFor, limits, isNew }: Standing, asked: RequestDirectives): Use {
  const isTooOld = asked.maxAge !== undefined && age > asked.maxAge * 1_000;
  const isTooShort = asked.minFresh !== undefined && freshFor < asked.minFresh * 1_000;
  if (isNew) return 'serve';
  if (asked.noCache || isTooShort) return 'revalidate';
  const isStale = freshFor <= 0 || limits.always === true;
  const maxStale = limits.isStrict ? 0 : (asked.maxStale ?? 0) * 1_000;
  // max-stale widens max-age, too: the age that is too much is what it allows to be stale.
  if (isTooOld && maxStale === 0) return 'revalidate';
  if (!isStale) return 'serve';
  if (limits.always) return 'revalidate';
  if (-freshFor < limits.revalidate) return 'refresh';
  return -freshFor < maxStale ? 'serve' : 'revalidate';
}

/** Whether a stale answer may stand in for an error of the handler (RFC 5861 §4). */
export const mayStandIn = ({ freshFor, limits }: Pick<Standing, 'freshFor' | 'limits'>): boolean =>
  !limits.always && -freshFor < limits.error;

/** Statuses for which a stale answer may stand in (RFC 5861 §4). */
export const isFailure = (status: number): boolean => [500, 502, 503, 504].includes(status);
