import { FloraError, shown, type ErrorStory } from '../errors.js';

/** A module option that can't be used, or that doesn't exist. */
export class CacheOptionsError extends FloraError<'INVALID_CACHE_OPTIONS'> {
  constructor(story: ErrorStory) {
    super('INVALID_CACHE_OPTIONS', story);
  }
}

/** A key, namespace, tag or pattern that can't be used as such. */
export class CacheKeyError extends FloraError<'INVALID_CACHE_KEY'> {
  constructor(what: string, value: unknown, expected: string) {
    super('INVALID_CACHE_KEY', { problem: `${what} is ${shown(value)}`, expected });
  }
}

/** A value that has no faithful bytes: a function, a symbol, a promise, a cycle. */
export class CacheValueError extends FloraError<'UNSERIALISABLE_VALUE'> {
  constructor(path: string, found: string) {
    super('UNSERIALISABLE_VALUE', {
      problem: `The value can't be cached: ${path || 'it'} is ${found}`,
      expected: 'plain data, Date, Buffer, Map, Set, BigInt, RegExp, URL, typed arrays or BSON types',
      advice: 'cache what the object is made of, for example the result of its toJSON()',
    });
  }
}

/** `increment` met something that is not a safe integer, or would have made one. */
export class CacheCounterError extends FloraError<'NOT_A_COUNTER'> {
  constructor(key: string, problem: string) {
    super('NOT_A_COUNTER', {
      problem: `${shown(key)} ${problem}`,
      expected: 'a safe integer before and after',
      advice: 'delete the key to start from 0',
    });
  }
}

/**
 * Redis did not answer within the deadline, or is known to be away. Reads and writes throw it only with
 * `onOutage: 'throw'`; counters always do, since no number may be invented.
 */
export class CacheUnavailableError extends FloraError<'CACHE_UNAVAILABLE'> {
  constructor(problem: string, cause?: unknown) {
    super('CACHE_UNAVAILABLE', {
      problem,
      advice: 'check that Redis runs and that REDIS_URL is right; the cache recovers by itself',
      cause,
    });
  }
}

/** A factory of `getOrSet` took longer than its `timeout.hard`. Its signal was aborted; what it gives later is dropped. */
export class CacheFactoryTimeoutError extends FloraError<'FACTORY_TIMEOUT'> {
  constructor(key: string, longest: number) {
    super('FACTORY_TIMEOUT', {
      problem: `The factory of ${shown(key)} took longer than ${longest} ms`,
      expected: 'a result within timeout.hard',
      advice: 'end the load when its signal is aborted, or allow it more time',
    });
  }
}

/** `.cache()` on a query or aggregate, or an attachment, that can't be done as asked. */
export class QueryCacheError extends FloraError<'INVALID_QUERY_CACHE'> {
  constructor(story: ErrorStory) {
    super('INVALID_QUERY_CACHE', story);
  }
}

/** A decorator or middleware of the HTTP cache was given something that can't be used. Names the place. */
export class HttpCacheOptionsError extends FloraError<'INVALID_HTTP_CACHE_OPTIONS'> {
  constructor(where: string, story: ErrorStory) {
    super('INVALID_HTTP_CACHE_OPTIONS', { ...story, problem: `${where}: ${story.problem}` });
  }
}

/** `@Cacheable`, or `@CacheEvict` on a provider, that can't be done as asked. Names the class and method. */
export class CacheMethodError extends FloraError<'INVALID_CACHED_METHOD'> {
  constructor(where: string, story: ErrorStory) {
    super('INVALID_CACHED_METHOD', { ...story, problem: `${where}: ${story.problem}` });
  }
}
