import { FloraError, shown } from '../../errors.js';
import { CacheMethodError } from '../cache.errors.js';
import { checkedName } from '../engine/key-space.js';
import { resolveGetOrSetOptions, type GetOrSetOptions } from '../set-options.js';
import { placeOf, planMethod, type AsyncMethodDecorator, type Caching } from './decorated-methods.js';

/** Options of `@Cacheable`: those of `getOrSet`, and how the key and tags are made from a call. */
export interface CacheableOptions<
  KeyArgs extends readonly unknown[] = readonly unknown[],
  Result = unknown,
  TagArgs extends readonly unknown[] = readonly unknown[],
> extends Omit<GetOrSetOptions, 'tags'> {
  /**
   * A string is the name before the arguments: `key: 'price'` gives `price("r1",2)`, and just `price` for a call
   * without arguments. A function of the arguments makes the whole key; `undefined` bypasses the cache. Default: the
   * names of the instance's class and of the method, `PriceService.price("r1",2)`.
   */
  key?: string | ((...args: KeyArgs) => string | undefined);
  /** Tags, or a function that makes them from the result and the arguments. `model(Product)` works too. Default: none. */
  tags?: readonly string[] | ((result: Result, ...args: TagArgs) => readonly string[]);
}

const OPTIONS = ['key', 'ttl', 'staleTtl', 'tags', 'timeout', 'consistency'];

/**
 * Caches what a method of a singleton provider gives, as `getOrSet` does: one load per key in all processes, errors
 * go to all who wait and are not stored, `undefined` is not stored. Calls with the same arguments share an entry;
 * without a function as `key`, arguments are plain data, Date, Map, Set, ObjectId and the like, or instances of
 * classes that hide nothing.
 *
 * Acts from the application's init on, for whoever calls the method on the instance, `this` included.
 *
 * @throws CacheMethodError when decorated with what can't be used, at start for what can't be cached (a controller,
 * a request scope), and in a call whose arguments don't make a key or whose method returns no promise
 */
export function Cacheable<
  KeyArgs extends readonly unknown[] = [],
  Result = unknown,
  TagArgs extends readonly unknown[] = [],
>(
  options: CacheableOptions<KeyArgs, Result, TagArgs> = {},
): AsyncMethodDecorator<Result | undefined, KeyArgs, TagArgs> {
  return (target, property, descriptor) => {
    const where = placeOf('Cacheable', target, property);
    const caching = checked(options as CacheableOptions<unknown[], unknown, unknown[]>, where);
    planMethod([target, property, descriptor], where, { caching });
  };
}

const NO_DEFAULTS = {
  ttl: 0,
  staleTtl: 0,
  timeout: { soft: 0, hard: undefined },
  consistency: 'eventual',
} as const;

function checked(options: CacheableOptions<unknown[], unknown, unknown[]>, where: string): Caching {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new CacheMethodError(where, {
      problem: `the options are ${shown(options)}`,
      expected: 'an object',
    });
  }
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new CacheMethodError(where, {
      problem: `there is no option ${shown(unknown)}`,
      expected: `one of ${OPTIONS.join(', ')}`,
    });
  }
  const { key, tags, ...more } = options;
  const load: GetOrSetOptions = { ...more, ...(tags && typeof tags !== 'function' && { tags }) };
  try {
    if (key !== undefined && typeof key !== 'function') checkedName('key', key);
    resolveGetOrSetOptions(load, NO_DEFAULTS, (tags) => tags.map((tag) => checkedName('tag', tag)));
  } catch (error) {
    if (!(error instanceof FloraError)) throw error;
    throw new CacheMethodError(where, { problem: error.message.replace(/\.$/, ''), cause: error });
  }
  return { key, tags: typeof tags === 'function' ? tags : undefined, options: load };
}
