import { shown } from '../../errors.js';
import { CacheMethodError } from '../cache.errors.js';
import type { CacheService } from '../cache.service.js';
import { evictAll, type CacheEviction } from '../eviction.js';
import { ArgumentError, argumentKey } from './argument-key.js';
import type { Caching, Evicting, Method } from './decorated-methods.js';

/** What stands in a method's place on an instance. */
export type AroundMethod = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/**
 * A method whose results are cached.
 *
 * @param where how errors name the method: `PriceService.price`
 */
export function cached(
  cache: CacheService,
  method: Method,
  { key, tags, options }: Caching & { key: NonNullable<Caching['key']> },
  where: string,
): AroundMethod {
  const isSaid = typeof key === 'function';
  const keyOf = isSaid ? key : (...args: unknown[]) => keyOfArguments(key, args, where);
  return async function (...args) {
    const wanted = keyOf(...args);
    if (wanted === undefined) return method.apply(this, args);
    return cache.getOrSet(
      wanted,
      async (ctx) => {
        if (keyOf(...args) !== wanted) {
          if (!isSaid) throw changedMeanwhile(where);
          ctx.skip(); // the function may go by more than the arguments: the time, for example
        }
        const returned = method.apply(this, args);
        assertPromised(returned, where);
        const result = await returned;
        if (tags && result !== undefined) ctx.addTags(...listed(tags(result, ...args), where));
        return result;
      },
      options,
    );
  };
}

/** A method after which something is dropped, before its caller gets the result. Not when it fails. */
export function evicting(
  cache: CacheService,
  method: Method,
  evictions: readonly Evicting[],
  where: string,
): AroundMethod {
  return async function (...args) {
    const returned = method.apply(this, args);
    const result = await returned;
    await evictAll(
      cache,
      evictions.map(
        (one) => () => (typeof one === 'function' ? one(result, ...args) : (one as CacheEviction)),
      ),
    );
    assertPromised(returned, where);
    return result;
  };
}

function keyOfArguments(name: string, args: readonly unknown[], where: string): string {
  try {
    return argumentKey(name, args);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new CacheMethodError(where, {
      problem: `the arguments make no key: ${error.message}`,
      expected: 'plain data, Date, Map, Set, ObjectId and the like',
      advice: 'give @Cacheable a function as key, of what tells the results apart',
    });
  }
}

/** A text would be taken for a list of its letters. */
function listed(tags: readonly string[], where: string): readonly string[] {
  if (Array.isArray(tags)) return tags;
  throw new CacheMethodError(where, {
    problem: `the function tags of @Cacheable gave ${shown(tags)}`,
    expected: 'a list of tags',
  });
}

/** Who calls a method that gives its result at once would suddenly get a promise of it. */
function assertPromised(returned: unknown, where: string): void {
  if (typeof (returned as PromiseLike<unknown> | null | undefined)?.then === 'function') return;
  throw new CacheMethodError(where, {
    problem: 'it returned no promise',
    expected: 'an async method',
    advice: 'callers of a cached or evicting method get a promise: make it async, and await it',
  });
}

/** The result would be stored under the key of other arguments, and be given to those who ask with them. */
function changedMeanwhile(where: string): CacheMethodError {
  return new CacheMethodError(where, {
    problem: 'its arguments were changed after the call, while the cache was asked',
    expected: 'objects that stay as they are until the promise is settled',
    advice: 'give each call an object of its own',
  });
}
