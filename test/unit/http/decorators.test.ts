import { describe, expect, it } from 'vitest';
import { HttpCacheOptionsError } from '../../../src/cache/cache.errors.js';
import {
  CacheEvict,
  CacheKey,
  CacheResponse,
  CacheTags,
  CacheTTL,
  CacheVary,
  EVICT_METADATA,
  NoCache,
  ROUTE_METADATA,
} from '../../../src/cache/http/http-cache.decorators.js';

const decorate = (...decorators: (MethodDecorator & Partial<ClassDecorator>)[]) => {
  class Shop {
    list(): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Shop.prototype, 'list') as PropertyDescriptor;
  for (const decorator of decorators.toReversed()) decorator(Shop.prototype, 'list', descriptor);
  return (key: string) => Reflect.getMetadata(key, descriptor.value as object) as unknown;
};

describe('Decorators', () => {
  it('only write metadata, each its part', () => {
    const tag = () => 'made';
    const metadata = decorate(
      CacheTTL('5m'),
      CacheKey('k'),
      CacheTags('a'),
      CacheTags(tag),
      CacheVary('Accept'),
    );
    expect(metadata(ROUTE_METADATA)).toEqual({
      cached: true,
      ttl: '5m',
      key: 'k',
      tags: ['a', tag],
      vary: ['Accept'],
    });
    expect(decorate(NoCache())(ROUTE_METADATA)).toEqual({ cached: false });
    expect(decorate(CacheResponse())(ROUTE_METADATA)).toEqual({ cached: true });
    expect(decorate(CacheEvict({ tags: ['a'] }), CacheEvict({ keys: ['k'] }))(EVICT_METADATA)).toEqual([
      { keys: ['k'] },
      { tags: ['a'] },
    ]);
  });

  it.each<[string, () => MethodDecorator, RegExp]>([
    ['a ttl that is none', () => CacheTTL('soon'), /@CacheTTL on Shop\.list: ttl is "soon".*'5m'/],
    ['NaN', () => CacheTTL(Number.NaN), /ttl is NaN/],
    ['a negative ttl', () => CacheTTL(-1), /ttl is -1/],
    [
      'an unknown option',
      () => CacheResponse({ earlier: true } as object),
      /@CacheResponse on Shop\.list: there is no option "earlier".*ttl, key/,
    ],
    ['no object', () => CacheResponse(60 as never), /the options are 60/],
    ['an empty key', () => CacheKey(''), /@CacheKey on Shop\.list: key is ""/],
    ['a key with NUL', () => CacheKey('a\0b'), /key is/],
    ['no tags', () => CacheTags(), /tags is an array that is empty/],
    ['a tag that is none', () => CacheTags(5 as never), /tag is 5/],
    ['a header that is none', () => CacheVary('Accept Language'), /vary holds "Accept Language"/],
    ['all headers', () => CacheVary('*'), /vary holds "\*"/],
    [
      'a query rule with both',
      () => CacheResponse({ query: { only: ['a'], ignore: ['b'] } as never }),
      /query is/,
    ],
    ['a query rule with neither', () => CacheResponse({ query: {} as never }), /only.*ignore/],
    [
      'a scope that is none',
      () => CacheResponse({ scope: 'private' as never }),
      /scope is "private".*'public'/,
    ],
    [
      'a freshness that is none',
      () => CacheResponse({ freshness: 'handler' as never }),
      /@CacheResponse on Shop\.list: freshness is "handler"/,
    ],
    ['a stale time that is none', () => CacheResponse({ staleIfError: -1 }), /Shop\.list: .*staleIfError/],
    [
      'another one',
      () => CacheResponse({ staleWhileRevalidate: 'soon' as never }),
      /Shop\.list: .*staleWhileRevalidate/,
    ],
    [
      'a switch that is none',
      () => CacheResponse({ requestDirectives: 'yes' as never }),
      /requestDirectives is "yes"; expected true or false/,
    ],
    [
      'another switch',
      () => CacheResponse({ invalidateOnUnsafe: 1 as never }),
      /Shop\.list: invalidateOnUnsafe is 1/,
    ],
    ['a third one', () => CacheResponse({ strict: 'yes' as never }), /Shop\.list: strict is "yes"/],
    ['a limit that is none', () => CacheResponse({ maxBodyBytes: 0 }), /maxBodyBytes is 0/],
    ['nothing to evict', () => CacheEvict({}), /@CacheEvict on Shop\.list: there is nothing to evict/],
    ['an unknown eviction', () => CacheEvict({ pages: ['x'] } as object), /there is no option "pages"/],
    ['an empty list', () => CacheEvict({ tags: [] }), /tags is an array that is empty/],
    ['a model that is none', () => CacheEvict({ models: [{} as never] }), /model/],
  ])('%s is refused where it stands', (_, make, message) => {
    expect(() => decorate(make())).toThrow(HttpCacheOptionsError);
    expect(() => decorate(make())).toThrow(message);
  });

  it('what contradicts itself is refused', () => {
    expect(() => decorate(CacheTTL(60), CacheResponse({ ttl: 5 }))).toThrow(
      /Shop\.list: "ttl" is said twice/,
    );
    expect(() => decorate(NoCache(), CacheTTL(60))).toThrow(/to be cached and not to be cached/);
  });

  it('errors have a code and name classes too', () => {
    try {
      class Shop {}
      CacheTTL('soon')(Shop);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_HTTP_CACHE_OPTIONS', name: 'HttpCacheOptionsError' });
      expect((error as Error).message).toContain('@CacheTTL on Shop: ');
    }
  });
});
