import { toMilliseconds, type Duration } from '../duration.js';
import { shown } from '../errors.js';
import { CacheOptionsError } from './cache.errors.js';
import { OLDEST, type Entry, type Stamp } from './engine/entry.js';

/** How a value is kept. */
export interface SetOptions {
  /** How long it is fresh. 0: not stored at all (`set` then deletes the key). Default: the module's `ttl`. */
  ttl?: Duration;
  /** How long after that `getOrSet` may still serve it while it is loaded anew. Default: the module's `staleTtl`. */
  staleTtl?: Duration;
  /** Tags of the entry; `model(Product)` stands for a Mongoose model. Default: none. */
  tags?: readonly string[];
  /** For values loaded by yourself: `cache.asOf()` from before the load, so that no later invalidation is missed. */
  asOf?: Stamp;
}

/** How a value is had: as it is kept when the factory makes it, and how long that may take. */
export interface GetOrSetOptions extends Omit<SetOptions, 'asOf'> {
  /** Default: the module's `timeout`. */
  timeout?: FactoryTimeout;
  /** Default: the module's `consistency`. */
  consistency?: Consistency;
}

/** How long a caller of `getOrSet` waits for the factory. */
export interface FactoryTimeout {
  /**
   * Where there is a stale value: how long the caller whose turn it is to load anew waits for the fresh one, before
   * it gets the stale one and the load goes on in the background. Default: 0, it gets the stale one at once.
   */
  soft?: Duration;
  /** After this the factory's signal is aborted, and all who wait get CacheFactoryTimeoutError. Default: none. */
  hard?: Duration;
}

/**
 * `eventual`: hits of this process's memory are believed until the message about a change elsewhere arrives,
 * milliseconds as a rule. `strict`: every read asks Redis, and is no older than any change that any process was told
 * is done; one round trip per hit, while Redis answers.
 */
export type Consistency = 'eventual' | 'strict';

/** Durations in milliseconds, tags as the registry names them. */
export interface ResolvedSetOptions {
  ttl: number;
  staleTtl: number;
  tags: readonly string[];
  asOf: Stamp | undefined;
}

export interface ResolvedTimeout {
  soft: number;
  hard: number | undefined;
}

export interface ResolvedGetOrSetOptions extends ResolvedSetOptions {
  timeout: ResolvedTimeout;
  isStrict: boolean;
}

interface Defaults {
  ttl: number;
  staleTtl: number;
  timeout: ResolvedTimeout;
  consistency: Consistency;
}

type RegistryTags = (tags: readonly string[]) => string[];

export function resolveSetOptions(
  given: Duration | SetOptions | undefined,
  defaults: Defaults,
  registryTags: RegistryTags,
): ResolvedSetOptions {
  const options = known<SetOptions>(given, SET_OPTIONS);
  const { asOf } = options;
  return {
    ttl: resolvedTtl(options, defaults),
    staleTtl: resolvedStaleTtl(options, defaults),
    tags: resolvedTags(options, registryTags),
    asOf: asOf === undefined ? undefined : checkedStamp(asOf),
  };
}

export function resolveGetOrSetOptions(
  given: Duration | GetOrSetOptions | undefined,
  defaults: Defaults,
  registryTags: RegistryTags,
): ResolvedGetOrSetOptions {
  const options = known<GetOrSetOptions>(given, GET_OR_SET_OPTIONS);
  const { timeout, consistency = defaults.consistency } = options;
  return {
    ttl: resolvedTtl(options, defaults),
    staleTtl: resolvedStaleTtl(options, defaults),
    tags: resolvedTags(options, registryTags),
    asOf: undefined,
    timeout: timeout === undefined ? defaults.timeout : resolveTimeout(timeout),
    isStrict: checkedConsistency(consistency) === 'strict',
  };
}

/** @throws CacheOptionsError or DurationError */
export function resolveTimeout(timeout: FactoryTimeout): ResolvedTimeout {
  const { soft = 0, hard } = named('timeout', timeout, ['soft', 'hard']);
  const resolved = {
    soft: toMilliseconds(soft, 'timeout.soft'),
    hard: hard === undefined ? undefined : toMilliseconds(hard, 'timeout.hard'),
  };
  const longest = Math.max(resolved.soft, resolved.hard ?? 1);
  if (resolved.hard === 0 || longest > LONGEST_WAIT) {
    throw new CacheOptionsError({
      problem: `timeout is ${shown(timeout)}`,
      expected: 'durations of one day at most, hard above 0',
    });
  }
  return resolved;
}

/** A time that may be waited for: timers know no more than 24 days. */
export const LONGEST_WAIT = 24 * 3_600_000;

export function checkedConsistency(consistency: unknown): Consistency {
  if (consistency === 'eventual' || consistency === 'strict') return consistency;
  throw new CacheOptionsError({
    problem: `consistency is ${shown(consistency)}`,
    expected: "'eventual' or 'strict'",
  });
}

/** Options that say nothing about a hit, and were found right before: no need to look at them again. */
export function areQuick(options: Duration | GetOrSetOptions | undefined): boolean {
  if (typeof options !== 'object') return isQuickDuration(options);
  if (options === null || options.consistency !== undefined) return false;
  return isQuickDuration(options.ttl) && isQuickDuration(options.staleTtl);
}

function isQuickDuration(duration: unknown): boolean {
  if (duration === undefined) return true;
  return typeof duration === 'number'
    ? duration >= 0 && duration < Infinity
    : typeof duration === 'string' && rightDurations.has(duration);
}

const rightDurations = new Set<string>();
const MOST_REMEMBERED = 1_000;

function remembered(duration: Duration, name: string): number {
  const time = toMilliseconds(duration, name);
  if (typeof duration === 'string' && rightDurations.size < MOST_REMEMBERED) rightDurations.add(duration);
  return time;
}

const SET_OPTIONS = ['ttl', 'staleTtl', 'tags', 'asOf'] as const;
const GET_OR_SET_OPTIONS = ['ttl', 'staleTtl', 'tags', 'timeout', 'consistency'] as const;

function known<O extends { ttl?: Duration }>(options: Duration | O | undefined, names: readonly string[]): O {
  if (typeof options === 'object' && options !== null) return named('the options', options, names);
  return { ttl: options } as O;
}

/** The options of a group, none of which is unknown. */
export function named<O extends object>(what: string, options: O, names: readonly string[]): O {
  if (typeof options !== 'object' || options === null)
    throw new CacheOptionsError({ problem: `${what} is ${shown(options)}`, expected: 'an object' });
  for (const name in options) {
    if (names.includes(name)) continue;
    throw new CacheOptionsError({
      problem: `there is ${shown(name)} in ${what}`,
      expected: `only ${names.join(', ')}`,
    });
  }
  return options;
}

const resolvedTtl = ({ ttl }: SetOptions, defaults: Defaults): number =>
  ttl === undefined ? defaults.ttl : remembered(ttl, 'ttl');

const resolvedStaleTtl = ({ staleTtl }: SetOptions, defaults: Defaults): number =>
  staleTtl === undefined ? defaults.staleTtl : remembered(staleTtl, 'staleTtl');

const resolvedTags = ({ tags }: SetOptions, registryTags: RegistryTags): readonly string[] =>
  tags === undefined ? NO_TAGS : registryTags(checkedTags(tags));

const NO_TAGS: readonly string[] = [];

function checkedTags(tags: unknown): readonly string[] {
  if (Array.isArray(tags)) return tags as string[];
  throw new CacheOptionsError({ problem: `tags is ${shown(tags)}`, expected: 'a list of tags' });
}

function checkedStamp(asOf: unknown): Stamp {
  if (Number.isSafeInteger(asOf) && Number(asOf) >= OLDEST) return asOf as Stamp;
  throw new CacheOptionsError({
    problem: `asOf is ${shown(asOf)}`,
    expected: 'what cache.asOf() gave before the load',
  });
}

/** An entry that is stored now; `known` is what the registry knows now, unless the caller knew it before its load. */
export function newEntry(
  encoded: Pick<Entry, 'codec' | 'payload'>,
  { ttl, staleTtl, tags, asOf }: ResolvedSetOptions,
  known: Stamp,
  now: number,
): Entry {
  return {
    codec: encoded.codec,
    payload: encoded.payload,
    asOf: Math.min(asOf ?? known, known), // a stamp from the future would survive invalidations
    storedAt: now,
    freshUntil: now + ttl,
    staleUntil: now + ttl + staleTtl,
    loadTime: 0,
    tags,
  };
}
