import type { Scenario } from '../scenario.js';
import type { Ask } from '../system.js';
import { invalidation } from './invalidation.js';
import { memory } from './memory.js';
import { redisBytes } from './redis-bytes.js';
import { stampede } from './stampede.js';
import { throughput } from './throughput.js';

const L1_SHARED: readonly Ask[] = [{ tiers: 'both', values: 'shared', tags: 'carried' }];
const L1_ISOLATED: readonly Ask[] = [{ tiers: 'both', values: 'isolated', tags: 'carried' }];
const L2: readonly Ask[] = [
  { tiers: 'redis', values: 'as it comes', tags: 'none' },
  { tiers: 'redis', values: 'as it comes', tags: 'carried' },
];
const BOTH_TIERS: readonly Ask[] = [
  { tiers: 'both', values: 'as it comes', tags: 'none' },
  { tiers: 'both', values: 'as it comes', tags: 'carried' },
];
const EVERY_KEY = '1,000 keys, every one in turn';

export const SCENARIOS: readonly Scenario[] = [
  throughput({
    id: 'l1-shared',
    title: 'Hit in memory, shared references',
    how: `getOrSet of a cache with two tiers, one call after the other; ${EVERY_KEY}. All callers get the same object.`,
    asks: L1_SHARED,
    operation: 'getOrSet',
    flow: 'sequentially',
  }),
  throughput({
    id: 'l1-isolated',
    title: 'Hit in memory, isolated values',
    how: `The same, and each caller gets an object of its own.`,
    asks: L1_ISOLATED,
    operation: 'getOrSet',
    flow: 'sequentially',
  }),
  throughput({
    id: 'l2-sequential',
    title: 'Hit in Redis, one after the other',
    how: `get without a memory tier, one call after the other; ${EVERY_KEY}.`,
    asks: L2,
    operation: 'get',
    flow: 'sequentially',
  }),
  throughput({
    id: 'l2-in-flight',
    title: 'Hit in Redis, 64 in flight',
    how: `get without a memory tier, 64 callers at the same time, always of different keys.`,
    asks: L2,
    operation: 'get',
    flow: 'in flight',
  }),
  throughput({
    id: 'set-l2',
    title: 'Set with a ttl, 64 in flight',
    how: `set without a memory tier, 64 callers at the same time; ${EVERY_KEY}, all of which are there before.`,
    asks: L2,
    operation: 'set',
    flow: 'in flight',
  }),
  throughput({
    id: 'set-both',
    title: 'Set with a ttl in two tiers, 64 in flight',
    how: `The same into memory and Redis, told to other processes where there is a bus.`,
    asks: BOTH_TIERS,
    operation: 'set',
    flow: 'in flight',
  }),
  throughput({
    id: 'miss-sequential',
    title: 'Miss in both tiers, one after the other',
    how: `getOrSet of a key that nobody has, with a factory that resolves at once: what the cache adds to a load.`,
    asks: BOTH_TIERS,
    operation: 'miss',
    flow: 'sequentially',
  }),
  throughput({
    id: 'miss-in-flight',
    title: 'Miss in both tiers, 64 in flight',
    how: `The same by 64 callers at the same time, always of different keys.`,
    asks: BOTH_TIERS,
    operation: 'miss',
    flow: 'in flight',
  }),
  invalidation('invalidate-1e3', 1_000),
  invalidation('invalidate-1e5', 100_000),
  stampede,
  memory,
  redisBytes,
];
