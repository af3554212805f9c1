import type { Duration } from '../../duration.js';
import { shown } from '../../errors.js';
import { HttpCacheOptionsError } from '../cache.errors.js';
import type { CacheEviction } from '../eviction.js';
import {
  placeOf,
  planMethod,
  type AsyncMethodDecorator,
  type Evicting,
} from '../methods/decorated-methods.js';
import type { HttpCacheContext, HttpCacheRequest } from './http-cache.context.js';
import { checkedEviction, checkedOptions } from './checked-options.js';
import type { CacheEvictOptions, CacheResponseOptions, TagFunction } from './http-cache.options.js';

/** Where the decorators of a class or method leave what they were told: `RouteMetadata`. */
export const ROUTE_METADATA = 'flora:http-cache:route';
/** Where `@CacheEvict` leaves its options on a method: a list of `CacheEvictOptions`. */
export const EVICT_METADATA = 'flora:http-cache:evict';

/** What the decorators of one class or one method said. A method's word replaces its class's, option by option. */
export interface RouteMetadata extends CacheResponseOptions {
  /** Whether this is a cached route at all; false by `@NoCache`. */
  cached?: boolean;
}

/** What holds for one handler: its own word before its controller's. */
export const routeMetadata = (controller: object, handler: object): RouteMetadata => ({
  ...(Reflect.getMetadata(ROUTE_METADATA, controller) as RouteMetadata | undefined),
  ...(Reflect.getMetadata(ROUTE_METADATA, handler) as RouteMetadata | undefined),
});

type RouteDecorator = ClassDecorator & MethodDecorator;

/**
 * Caches the responses of a route, or of all GET routes of a controller, for `ttl` (seconds, or `'5m'`).
 *
 * @throws HttpCacheOptionsError when decorated with something that is not a duration
 */
export const CacheTTL = (ttl: Duration): RouteDecorator => route('CacheTTL', { ttl }, { cached: true });

/**
 * The full form of `@CacheTTL`: caches the responses of a route as told.
 *
 * @throws HttpCacheOptionsError when decorated with an option that doesn't exist or can't be used
 */
export const CacheResponse = <Request extends HttpCacheRequest = HttpCacheRequest>(
  options: CacheResponseOptions<Request> = {},
): RouteDecorator => route('CacheResponse', options as CacheResponseOptions, { cached: true });

/**
 * The key of a route in place of its path and query: `cache.delete(key)` then drops all its answers. Give it a key
 * of its own: a value or query that is kept under the same one takes its place, and the other way round.
 */
export const CacheKey = <Request extends HttpCacheRequest = HttpCacheRequest>(
  key: string | ((ctx: HttpCacheContext<Request>) => string),
): RouteDecorator => route('CacheKey', { key } as CacheResponseOptions);

/** Tags of a route's answers; invalidating one of them drops the answer. `model(Product)` follows its writes. */
export const CacheTags = <Request extends HttpCacheRequest = HttpCacheRequest>(
  ...tags: (string | TagFunction<Request>)[]
): RouteDecorator => route('CacheTags', { tags } as CacheResponseOptions);

/** Request headers on which a route's answers depend. */
export const CacheVary = (...headers: string[]): RouteDecorator => route('CacheVary', { vary: headers });

/** Takes a method out of what its controller's decorators cache. */
export const NoCache = (): RouteDecorator => route('NoCache', {}, { cached: false });

/**
 * Drops tags, keys or what belongs to models after the method succeeded, and before anybody has its answer. On a
 * controller where `HttpCacheInterceptor` acts: after the handler of any HTTP method, before the response leaves. On
 * a provider: after the method's promise is fulfilled, before its caller gets the result. Several may stand on one
 * method.
 *
 * @param options lists, which work in both places, or functions of the request, on controllers
 * @throws HttpCacheOptionsError when decorated with nothing to evict
 */
export function CacheEvict<Request extends HttpCacheRequest = HttpCacheRequest>(
  options: CacheEvictOptions<Request>,
): MethodDecorator;
/**
 * On a provider, where result and arguments say what is to be dropped:
 * `@CacheEvict((product: Product) => ({ tags: [`product:${product.id}`] }))`.
 *
 * @param eviction is given the result, then the arguments. Where it throws nothing is dropped, and that is logged
 */
export function CacheEvict<Result, Args extends readonly unknown[]>(
  eviction: (result: Result, ...args: Args) => CacheEviction | Promise<CacheEviction>,
): AsyncMethodDecorator<Result, Args>;
export function CacheEvict(eviction: Evicting): MethodDecorator {
  return (target, property, descriptor) => {
    const where = placeOf('CacheEvict', target, property);
    if (typeof eviction !== 'function') checkedEviction(eviction, where);
    planMethod([target, property, descriptor], where, { eviction });
    if (typeof eviction === 'function') return;
    const method = descriptor.value as object;
    const earlier = (Reflect.getOwnMetadata(EVICT_METADATA, method) ?? []) as readonly object[];
    Reflect.defineMetadata(EVICT_METADATA, [...earlier, eviction], method);
  };
}

/** Writes metadata, nothing else; what two decorators of one place both say must not contradict. */
function route(name: string, options: CacheResponseOptions, more: RouteMetadata = {}): RouteDecorator {
  return (target: object, property?: string | symbol, descriptor?: { value?: unknown }) => {
    const where = placeOf(name, target, property);
    const metadata: RouteMetadata = { ...checkedOptions(options, where), ...more };
    const on = descriptor?.value ?? target;
    const earlier = (Reflect.getOwnMetadata(ROUTE_METADATA, on) ?? {}) as RouteMetadata;
    Reflect.defineMetadata(ROUTE_METADATA, merged(earlier, metadata, where), on);
  };
}

function merged(earlier: RouteMetadata, later: RouteMetadata, where: string): RouteMetadata {
  const twice = Object.keys(later).find(
    (name) => name !== 'cached' && name !== 'tags' && name !== 'vary' && name in earlier,
  );
  if (twice !== undefined) {
    throw new HttpCacheOptionsError(where, {
      problem: `${shown(twice)} is said twice`,
      expected: 'one decorator to say it',
    });
  }
  if (earlier.cached !== undefined && later.cached !== undefined && earlier.cached !== later.cached) {
    throw new HttpCacheOptionsError(where, {
      problem: 'it is to be cached and not to be cached',
      expected: 'one of both',
    });
  }
  const both: RouteMetadata = { ...earlier, ...later };
  if (earlier.tags && later.tags) both.tags = [...later.tags, ...earlier.tags];
  if (earlier.vary && later.vary) both.vary = [...later.vary, ...earlier.vary];
  return both;
}
