import { describe, expect, it } from 'vitest';
import { resolveCacheOptions } from '../../../src/cache/cache.options.js';

describe('Options of the cache', () => {
  it.each<[problem: string, options: object]>([
    ['no cache option "tll"', { tll: 5 }],
    ['"maxEntires" in memory', { memory: { maxEntires: 5 } }],
    ['"raed" in deadline', { deadline: { raed: 1 } }],
    ['"retries" in breaker', { breaker: { retries: 5 } }],
    ['"tll" in lease', { lease: { tll: 5 } }],
    ['"treshold" in compression', { compression: { treshold: 5 } }],
    ['"hrad" in timeout', { timeout: { hrad: 5 } }],
    ['memory is null', { memory: null }],
    ['redis is null', { redis: null }],
    ['ttl is null', { ttl: null }],
    ['memory is true', { memory: true }],
    ['compression is 8192', { compression: 8192 }],
    ['lease is "3s"', { lease: '3s' }],
    ['memory.maxEntries is 1000000000000', { memory: { maxEntries: 1e12 } }],
    ['memory.values is "copied"', { memory: { values: 'copied' } }],
    ['lease.wait is "30d"', { lease: { wait: '30d' } }],
    ['lease.ttl is 0', { lease: { ttl: 0 } }],
    ['clock is', { clock: {} }],
    ['consistency is "sure"', { consistency: 'sure' }],
    ['earlyRefresh is 1', { earlyRefresh: 1 }],
  ])('refuses what can not be meant, and says what: %s', (problem, options) => {
    const resolve = () => resolveCacheOptions(options, () => undefined);
    expect(resolve).toThrow(expect.objectContaining({ code: expect.any(String) as string }));
    expect(resolve).toThrow(problem);
  });

  it('takes none for its default, and lets nobody wait with lease.wait: 0', () => {
    const { lease, memory } = resolveCacheOptions(
      { redis: false, lease: { wait: 0 }, memory: {} },
      () => undefined,
    );
    expect(lease).toEqual({ ttl: 3_000, wait: 0 });
    expect(memory).toMatchObject({ maxEntries: 10_000, values: 'isolated' });
  });
});
