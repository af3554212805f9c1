import { CacheMethodError } from '../cache.errors.js';
import type { Evicting } from './decorated-methods.js';
import type { FoundMethod } from './method-finder.js';

/** Metadata of methods that Nest calls by the class's prototype, past whatever stands on the instance. */
const CALLED_PAST_INSTANCES: Readonly<Record<string, string>> = {
  'websockets:message_mapping': 'a WebSocket gateway',
  'graphql:resolver_type': 'a GraphQL resolver',
  'graphql:resolve_property': 'a GraphQL resolver',
  'graphql:resolve_reference': 'a GraphQL resolver',
};

/** @throws CacheMethodError for what nothing can be done for on a singleton provider */
export function checkOnProvider({ name, method, plan, where }: FoundMethod): void {
  const caller = Object.keys(CALLED_PAST_INSTANCES).find((key) => Reflect.hasMetadata(key, method));
  if (caller !== undefined) {
    throw new CacheMethodError(where, {
      problem: `it is a handler of ${CALLED_PAST_INSTANCES[caller]}, which is called past the cache`,
      expected: 'a method that your own code calls',
      advice: 'decorate the method of the service that it calls',
    });
  }
  if (plan.evictions.some(asksForARequest)) {
    throw new CacheMethodError(where, {
      problem: '@CacheEvict has functions of a request, and there is none here',
      expected: 'lists, or one function: @CacheEvict((result, ...args) => ({ tags: […] }))',
    });
  }
  if (typeof name === 'symbol' && plan.caching && plan.caching.key === undefined) {
    throw new CacheMethodError(where, {
      problem: 'a symbol makes no key',
      expected: 'a key in the options of @Cacheable',
    });
  }
}

/** @throws CacheMethodError for what the interceptor doesn't do for a controller */
export function checkOnController({ method, plan, where }: FoundMethod): void {
  if (plan.caching) {
    throw new CacheMethodError(where, {
      problem: '@Cacheable stands in a controller',
      expected: '@CacheTTL or @CacheResponse, with HttpCacheInterceptor',
      advice: 'or decorate the method of the service that it calls',
    });
  }
  if (plan.evictions.length > 0 && Reflect.hasMetadata('microservices:pattern', method)) {
    throw new CacheMethodError(where, {
      problem: '@CacheEvict stands on a handler of messages, where nothing acts on it',
      expected: 'a route',
      advice: 'decorate the method of the service that it calls',
    });
  }
  if (plan.evictions.some((one) => typeof one === 'function')) {
    throw new CacheMethodError(where, {
      problem: '@CacheEvict has a function of result and arguments, which is for providers',
      expected: 'lists, or functions of the request: @CacheEvict({ tags: (ctx) => […] })',
    });
  }
}

/** @throws CacheMethodError always */
export function refuseScope({ where }: FoundMethod, scope: 'request-scoped' | 'transient'): never {
  throw new CacheMethodError(where, {
    problem: `its provider is ${scope}, or depends on one that is`,
    expected: 'a singleton: the cache stands around one instance, at start',
    advice: 'move the method to a singleton, and give it what depends on the request as an argument',
  });
}

function asksForARequest(eviction: Evicting): boolean {
  return typeof eviction !== 'function' && Object.values(eviction).some((list) => typeof list === 'function');
}
