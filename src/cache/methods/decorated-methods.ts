import { CacheMethodError } from '../cache.errors.js';
import type { CacheEviction } from '../eviction.js';
import type { GetOrSetOptions } from '../set-options.js';

export type Method = (...args: unknown[]) => unknown;

/** What `@Cacheable` said of a method. */
export interface Caching {
  key: string | ((...args: unknown[]) => string | undefined) | undefined;
  /** Tags that only the result knows. */
  tags: ((result: unknown, ...args: unknown[]) => readonly string[]) | undefined;
  options: GetOrSetOptions;
}

/** Lists of what a `@CacheEvict` drops (on controllers, functions of the request in their place), or one function. */
export type Evicting =
  object | ((result: unknown, ...args: unknown[]) => CacheEviction | Promise<CacheEviction>);

/** What the decorators said of one method. */
export interface MethodPlan {
  readonly caching?: Caching;
  readonly evictions: readonly Evicting[];
}

/**
 * Where decorators leave what they were told: `Map<name, MethodPlan>` on the prototype that has the method. Not on
 * the function, which another decorator may replace by one that knows nothing of it.
 */
const PLANS = 'flora:cache:methods';

/** What was said of the methods that this very prototype has, not of those it inherits. */
export function plansOf(prototype: object): ReadonlyMap<string | symbol, MethodPlan> {
  return (Reflect.getOwnMetadata(PLANS, prototype) ?? new Map()) as Map<string | symbol, MethodPlan>;
}

/**
 * Adds what one decorator says of a method.
 *
 * @param where what errors name: `@Cacheable on Prices.price`
 * @throws CacheMethodError for what is no method of an instance, and for what contradicts what was said before
 */
export function planMethod(
  [target, name, descriptor]: readonly [object, string | symbol, PropertyDescriptor | undefined],
  where: string,
  said: { caching: Caching } | { eviction: Evicting },
): void {
  if (typeof target === 'function' || typeof descriptor?.value !== 'function') {
    throw new CacheMethodError(where, {
      problem: typeof target === 'function' ? 'it is static' : 'it is not a method',
      expected: 'a method of the instances of a class',
    });
  }
  const earlier: MethodPlan = plansOf(target).get(name) ?? { evictions: [] };
  const plan: MethodPlan =
    'caching' in said
      ? { ...earlier, caching: said.caching }
      : { ...earlier, evictions: [...earlier.evictions, said.eviction] };
  if ('caching' in said && earlier.caching) {
    throw new CacheMethodError(where, { problem: 'it is said twice', expected: 'one decorator to say it' });
  }
  if (plan.caching && plan.evictions.length > 0) {
    throw new CacheMethodError(where, {
      problem: 'it is to be cached and to evict',
      expected: 'one of both: a hit does not run the method',
    });
  }
  Reflect.defineMetadata(PLANS, new Map(plansOf(target)).set(name, plan), target);
}

/** How errors name the place of a decorator. */
export function placeOf(name: string, target: object, property: string | symbol | undefined): string {
  const owner = typeof target === 'function' ? target.name : target.constructor.name;
  return `@${name} on ${owner}${property === undefined ? '' : `.${String(property)}`}`;
}

type Takes<Args extends readonly unknown[]> = (...args: Args) => void;

/**
 * Stands on methods that return a promise of `Result`, and whose arguments are what the functions given to the
 * decorator take: `Args` and `MoreArgs`, or the first of them.
 */
export type AsyncMethodDecorator<
  Result,
  Args extends readonly unknown[],
  MoreArgs extends readonly unknown[] = [],
> = <M extends (...args: never) => Promise<Result>>(
  target: object,
  property: string | symbol,
  descriptor: [Takes<Args>, Takes<MoreArgs>] extends [Takes<Parameters<M>>, Takes<Parameters<M>>]
    ? TypedPropertyDescriptor<M>
    : TypedPropertyDescriptor<
        ((...args: Args) => Promise<Result>) & ((...args: MoreArgs) => Promise<Result>)
      >,
) => void;
