import { describe, expect, it } from 'vitest';
import { QueryCacheError } from '../../../src/cache/cache.errors.js';
import { queryPolicy } from '../../../src/cache/mongoose/query-policy.js';

const defaults = {
  ttl: 3_600_000,
  staleTtl: 0,
  registryTags: (tags: readonly string[]) => tags.map((tag) => `t::${tag}`),
};
const policy = (given?: unknown) => queryPolicy(given, defaults, 'Product.find().cache()');

describe('what .cache() was given becomes a policy', () => {
  it.each([
    [undefined, { ttl: 3_600_000, staleTtl: 0, tags: [] }],
    [{}, { ttl: 3_600_000, staleTtl: 0, tags: [] }],
    [60, { ttl: 60_000, staleTtl: 0, tags: [] }],
    ['5m', { ttl: 300_000, staleTtl: 0, tags: [] }],
    [
      { ttl: '1h', staleTtl: 10, key: 'bouquets', tags: ['shop'] },
      { ttl: 3_600_000, staleTtl: 10_000, key: 'bouquets', tags: ['t::shop'] },
    ],
    [false, undefined],
    [0, undefined],
    [{ ttl: 0, key: 'bouquets' }, undefined],
  ])('%j', (given, expected) => {
    expect(policy(given)).toEqual(expected);
  });
});

describe('what can’t be used is refused, naming the query', () => {
  it.each([
    [true, /Product\.find\(\)\.cache\(\) was given true/],
    [null, /was given null/],
    [[], /was given an array/],
    [{ tll: 5 }, /no option "tll"; expected one of ttl, staleTtl, key, tags/],
    ['soon', /ttl is "soon"; expected seconds/],
    [-1, /ttl is -1/],
    [Number.NaN, /ttl is NaN/],
    [{ ttl: Number.POSITIVE_INFINITY }, /ttl is Infinity/],
    [{ staleTtl: 'x' }, /staleTtl is "x"/],
    [{ key: 5 }, /The key is 5/],
    [{ key: '' }, /The key is ""/],
    [{ key: 'a\0b' }, /The key is/],
    [{ key: 'x'.repeat(3_000) }, /The key is/],
    [{ tags: 'shop' }, /tags is "shop"/],
  ])('%j', (given, message) => {
    const call = () => policy(given);
    expect(call).toThrow(QueryCacheError);
    expect(call).toThrow(message);
    expect(call).toThrow(/Product\.find\(\)/);
  });
});
