import type { Clock } from '../coordination/clock.js';
import { SystemClock } from '../coordination/clock.js';
import { toMilliseconds, type Duration } from '../duration.js';
import { readEnvironment, type Variables } from '../environment.js';
import { shown } from '../errors.js';
import { CacheOptionsError } from './cache.errors.js';
import type { Sharing } from './engine/kept-entry.js';
import { type RedisOptions, resolveRedis } from './redis/redis-options.js';
import {
  checkedConsistency,
  LONGEST_WAIT,
  named,
  resolveTimeout,
  type Consistency,
  type FactoryTimeout,
  type ResolvedTimeout,
} from './set-options.js';

/** Options of `CacheModule.forRoot` and `createCache`. Every one has a default. */
export interface CacheModuleOptions {
  /**
   * Where Redis is: node-redis client options such as `{ url }`, `{ cluster }` with those of `createCluster`,
   * `{ sentinel }` with those of `createSentinel`, a client, cluster or sentinel of yours (it is neither connected
   * nor closed by us then), or `false` for a cache in this process only. Default: `{ url: REDIS_URL }`, or
   * `redis://localhost:6379`.
   */
  redis?: RedisOptions | false;
  /** Prefix of every key. Two applications on one Redis need two. Default: CACHE_NAMESPACE, or `flora`. */
  namespace?: string;
  /** How long an entry is fresh when nothing else is said. Default: REDIS_TTL, or 3600 s. */
  ttl?: Duration;
  /** How long after `ttl` an entry may still be served while it is loaded anew. Default: 0. */
  staleTtl?: Duration;
  /** Share of the ttl by which a fill may be shortened at random, 0 to 1. Default: 0.1. */
  jitter?: number;
  /**
   * The tier in this process, or `false` for none. Defaults: `maxEntries` 10,000, `maxBytes` 64 MiB (estimated),
   * `ttl` (the longest an entry may live there without being looked up in Redis again) 60 s, `values` `isolated`:
   * each caller gets a copy of its own. `shared`: hits give one value to all, frozen in depth, which is faster;
   * what can't be frozen (Map, Set, Date, Buffer, …) is copied all the same.
   */
  memory?: { maxEntries?: number; maxBytes?: number; ttl?: Duration; values?: Sharing } | false;
  /**
   * How sure reads are of what other processes changed: `eventual`, or `strict` for a round trip per read.
   * Default: `eventual`. `getOrSet` may say otherwise.
   */
  consistency?: Consistency;
  /** How long callers of `getOrSet` wait for a factory. Default: for as long as it takes. */
  timeout?: FactoryTimeout;
  /**
   * Whether `getOrSet` may load an entry anew in the background shortly before it expires: at random, the sooner
   * the longer its load took, within the last fifth of its ttl (XFetch). Default: true.
   */
  earlyRefresh?: boolean;
  /**
   * Payloads from `threshold` bytes on are compressed in Redis where that pays, documents of Mongoose queries from
   * sixteen times as many; `false`: none. Default: 8 KiB.
   */
  compression?: { threshold?: number } | false;
  /** How long a Redis call may take before the cache goes on without it. Defaults: read 250 ms, write 500 ms. */
  deadline?: { read?: Duration; write?: Duration };
  /**
   * When Redis counts as lost: after `failures` reads in a row without an answer (default 3); it is probed
   * again every `retry` (default 500 ms). A failed write counts at once, so that nothing old is read after it.
   */
  breaker?: { failures?: number; retry?: Duration };
  /**
   * Across processes one load per key: the lease is held for `ttl` (default 3 s, renewed while the load runs,
   * so that it ends when its process dies), others wait for at most `wait` (default 5 s) before their process loads
   * for itself.
   */
  lease?: { ttl?: Duration; wait?: Duration };
  /** Without Redis, how long what was loaded since may be served from memory. Default: 1 s. */
  outageTtl?: Duration;
  /** Values whose bytes are more than this are not stored. Default: 8 MiB. */
  maxValueBytes?: number;
  /** What reads and writes do without Redis: go on as a miss, or throw CacheUnavailableError. Default: `miss`. */
  onOutage?: 'miss' | 'throw';
  /** The time of day, for tests. Default: the host's. */
  clock?: Clock;
}

/** Complete options, durations in milliseconds: all that the inside of the cache ever sees. */
export interface ResolvedCacheOptions {
  redis: RedisOptions | false;
  namespace: string;
  ttl: number;
  staleTtl: number;
  jitter: number;
  memory: { maxEntries: number; maxBytes: number; ttl: number; values: Sharing } | false;
  consistency: Consistency;
  timeout: ResolvedTimeout;
  earlyRefresh: boolean;
  /** Bytes. */
  compression: number | false;
  deadline: { read: number; write: number };
  breaker: { failures: number; retry: number };
  lease: { ttl: number; wait: number };
  outageTtl: number;
  maxValueBytes: number;
  onOutage: 'miss' | 'throw';
  clock: Clock;
}

const KNOWN = new Set<string>([
  'redis',
  'namespace',
  'ttl',
  'staleTtl',
  'jitter',
  'memory',
  'consistency',
  'timeout',
  'earlyRefresh',
  'compression',
  'deadline',
  'breaker',
  'lease',
  'outageTtl',
  'maxValueBytes',
  'onOutage',
  'clock',
] satisfies (keyof CacheModuleOptions)[]);
/** What forRoot takes with the options, and forRootAsync beside them: known before the options are. */
const BESIDE = new Set(['http', 'isGlobal']);
/** What may be kept in this process when nothing else is said. */
export const DEFAULT_BOUNDS = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 };
/** Room for so many is made at once. */
const MOST_ENTRIES = 2 ** 24;
const COMPRESSED_FROM = 8 * 1024;
/** What looks like the inside of another namespace would be it. */
const NAMESPACE = /^(?!.*:v\d+(?::|$))[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;

/**
 * Options as given, the environment behind them, defaults behind that.
 *
 * @throws CacheOptionsError, DurationError or EnvironmentError, each with what was expected
 */
export function resolveCacheOptions(
  options: CacheModuleOptions = {},
  variables?: Variables,
): ResolvedCacheOptions {
  for (const [name, value] of Object.entries(options)) {
    if (value === null)
      throw new CacheOptionsError({ problem: `${name} is null`, expected: 'a value, or nothing at all' });
    if (!KNOWN.has(name)) {
      throw new CacheOptionsError({
        problem: `there is no cache option ${shown(name)}`,
        expected: `one of ${[...KNOWN].join(', ')}`,
        ...(BESIDE.has(name) && { advice: `${name} is given to forRootAsync itself, beside useFactory` }),
      });
    }
  }
  const environment = readEnvironment(
    [
      ...(options.redis === undefined ? (['REDIS_URL'] as const) : []),
      ...(options.ttl === undefined ? (['REDIS_TTL'] as const) : []),
      ...(options.namespace === undefined ? (['CACHE_NAMESPACE'] as const) : []),
    ],
    variables,
  );
  const { onOutage = 'miss' } = options;
  const memory =
    options.memory !== false &&
    named('memory', options.memory ?? {}, ['maxEntries', 'maxBytes', 'ttl', 'values']);
  const compression =
    options.compression !== false && named('compression', options.compression ?? {}, ['threshold']);
  const deadline = named('deadline', options.deadline ?? {}, ['read', 'write']);
  const breaker = named('breaker', options.breaker ?? {}, ['failures', 'retry']);
  const lease = named('lease', options.lease ?? {}, ['ttl', 'wait']);
  if (onOutage !== 'miss' && onOutage !== 'throw') {
    throw new CacheOptionsError({ problem: `onOutage is ${shown(onOutage)}`, expected: "'miss' or 'throw'" });
  }
  return {
    redis: checkedRedis(options.redis ?? { url: environment.REDIS_URL }),
    namespace: checked(
      'namespace',
      options.namespace ?? environment.CACHE_NAMESPACE,
      isNamespace,
      'letters, digits, _ . : -, at most 128 of them, and no :v1: in it',
    ),
    ttl: toMilliseconds(options.ttl ?? environment.REDIS_TTL, 'ttl'),
    staleTtl: toMilliseconds(options.staleTtl ?? 0, 'staleTtl'),
    jitter: checked(
      'jitter',
      options.jitter ?? 0.1,
      (n) => typeof n === 'number' && n >= 0 && n <= 1,
      'a number from 0 to 1',
    ),
    memory: memory !== false && {
      maxEntries: count('memory.maxEntries', memory.maxEntries ?? DEFAULT_BOUNDS.maxEntries, MOST_ENTRIES),
      maxBytes: count('memory.maxBytes', memory.maxBytes ?? DEFAULT_BOUNDS.maxBytes),
      ttl: toMilliseconds(memory.ttl ?? 60, 'memory.ttl'),
      values: checked('memory.values', memory.values ?? 'isolated', isSharing, "'isolated' or 'shared'"),
    },
    consistency: checkedConsistency(options.consistency ?? 'eventual'),
    timeout: resolveTimeout(options.timeout ?? {}),
    earlyRefresh: checked('earlyRefresh', options.earlyRefresh ?? true, isBoolean, 'true or false'),
    compression:
      compression !== false && count('compression.threshold', compression.threshold ?? COMPRESSED_FROM),
    deadline: {
      read: waiting('deadline.read', deadline.read ?? '250ms'),
      write: waiting('deadline.write', deadline.write ?? '500ms'),
    },
    breaker: {
      failures: count('breaker.failures', breaker.failures ?? 3),
      retry: waiting('breaker.retry', breaker.retry ?? '500ms'),
    },
    lease: {
      ttl: waiting('lease.ttl', lease.ttl ?? 3),
      wait: waiting('lease.wait', lease.wait ?? 5, 0),
    },
    outageTtl: toMilliseconds(options.outageTtl ?? 1, 'outageTtl'),
    maxValueBytes: count('maxValueBytes', options.maxValueBytes ?? 8 * 1024 * 1024),
    onOutage,
    clock: checked('clock', options.clock ?? new SystemClock(), isClock, 'a Clock'),
  };
}

function checkedRedis(redis: RedisOptions | false): RedisOptions | false {
  if (redis !== false) resolveRedis(redis);
  return redis;
}

const isSharing = (value: unknown): boolean => value === 'isolated' || value === 'shared';

const isClock = (value: unknown): boolean => typeof (value as Partial<Clock>).now === 'function';

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

const isNamespace = (value: unknown): boolean => typeof value === 'string' && NAMESPACE.test(value);

/** A time to wait for, in milliseconds: most of none at all would mean never, and timers know no more than 24 days. */
function waiting(name: string, value: Duration, least = 1): number {
  const time = toMilliseconds(value, name);
  const expected = `a duration ${least > 0 ? 'above' : 'from'} 0, one day at most`;
  checked(name, value, () => time >= least && time <= LONGEST_WAIT, expected);
  return time;
}

const count = (name: string, value: number, most = Number.MAX_SAFE_INTEGER): number =>
  checked(
    name,
    value,
    (n) => Number.isSafeInteger(n) && Number(n) > 0 && Number(n) <= most,
    most < Number.MAX_SAFE_INTEGER ? `a whole number from 1 to ${most}` : 'a whole number above 0',
  );

function checked<T>(name: string, value: T, right: (value: unknown) => boolean, expected: string): T {
  if (right(value)) return value;
  throw new CacheOptionsError({ problem: `${name} is ${shown(value)}`, expected });
}
