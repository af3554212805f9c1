import { toMilliseconds } from '../../duration.js';
import { FloraError, shown } from '../../errors.js';
import { QueryCacheError } from '../cache.errors.js';
import { checkedName } from '../engine/key-space.js';
import type { QueryCacheOptions } from './mongoose.types.js';
import { isPlain } from './read.js';

/** How a marked query is cached, complete: what is absent from the call comes from the plugin and the cache. */
export interface QueryPolicy {
  /** Milliseconds, as `staleTtl`. */
  ttl: number;
  staleTtl: number;
  key?: string;
  /** Registry tags of the user's. */
  tags: readonly string[];
}

/** What stands behind the options of one call. */
export interface PolicyDefaults {
  ttl: number;
  staleTtl: number;
  registryTags: (tags: readonly string[]) => string[];
}

/** What a schema says about the queries of its models (`cacheDefaults`). */
export interface SchemaDefaults {
  /** Milliseconds, as `staleTtl`. */
  ttl?: number;
  staleTtl?: number;
  tags: readonly string[];
  /** What is cached without `.cache()`. */
  operations: ReadonlySet<string>;
}

export function withSchemaDefaults(defaults: PolicyDefaults, schema?: SchemaDefaults): PolicyDefaults {
  if (!schema) return defaults;
  return {
    ttl: schema.ttl ?? defaults.ttl,
    staleTtl: schema.staleTtl ?? defaults.staleTtl,
    registryTags: (tags) => defaults.registryTags([...schema.tags, ...tags]),
  };
}

const KNOWN = ['ttl', 'staleTtl', 'key', 'tags'] as const satisfies readonly (keyof QueryCacheOptions)[];

/**
 * The policy of `.cache(given)`, or undefined where nothing is to be cached: `false`, or a ttl of 0.
 *
 * @param where the call as errors name it, `Product.find().cache()`
 * @throws QueryCacheError
 */
export function queryPolicy(
  given: unknown,
  defaults: PolicyDefaults,
  where: string,
): QueryPolicy | undefined {
  if (given === false) return undefined;
  const options = asOptions(given, where);
  try {
    const { key, tags = [] } = options;
    if (!Array.isArray(tags))
      throw new QueryCacheError({ problem: `tags is ${shown(tags)}`, expected: 'a list of strings' });
    const ttl = options.ttl === undefined ? defaults.ttl : toMilliseconds(options.ttl, 'ttl');
    const policy: QueryPolicy = {
      ttl,
      staleTtl:
        options.staleTtl === undefined ? defaults.staleTtl : toMilliseconds(options.staleTtl, 'staleTtl'),
      ...(key !== undefined && { key: checkedName('The key', key) }),
      tags: defaults.registryTags(tags),
    };
    return ttl > 0 ? policy : undefined;
  } catch (error) {
    if (!(error instanceof FloraError)) throw error;
    throw new QueryCacheError({ problem: `${where}: ${error.message.replace(/\.$/, '')}`, cause: error });
  }
}

function asOptions(given: unknown, where: string): QueryCacheOptions {
  if (given === undefined) return {};
  if (typeof given === 'number' || typeof given === 'string') return { ttl: given };
  if (!isPlain(given)) {
    throw new QueryCacheError({
      problem: `${where} was given ${shown(given)}`,
      expected: `a duration, false, or an object with ${KNOWN.join(', ')}`,
    });
  }
  const unknown = Object.keys(given).find((name) => !(KNOWN as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new QueryCacheError({
      problem: `${where} has no option ${shown(unknown)}`,
      expected: `one of ${KNOWN.join(', ')}`,
    });
  }
  return given;
}
