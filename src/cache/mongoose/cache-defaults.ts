import type { Mongoose } from 'mongoose';
import { toMilliseconds, type Duration } from '../../duration.js';
import { FloraError, shown } from '../../errors.js';
import { QueryCacheError } from '../cache.errors.js';
import { checkedName } from '../engine/key-space.js';
import { markAggregateBySchema, markQueryBySchema } from './marked-query.js';
import { isSchema, type MarkableAggregate } from './mongoose-internals.js';
import { isPlain, type ReadOperation } from './read.js';
import type { SchemaDefaults } from './query-policy.js';

/** How the queries of one schema's models are cached without being asked. */
export interface CacheDefaults {
  /** How long results are fresh. Default: the plugin's, then the cache's. */
  ttl?: Duration;
  /** How long after `ttl` they may still be served while they are loaded anew. Default: as `ttl`'s. */
  staleTtl?: Duration;
  /** Tags of yours on every result, for `cache.invalidateTags(…)`. A query's own are added to them. */
  tags?: readonly string[];
  /**
   * What is cached without `.cache()`. `findOne` stands for `findById` and `exists`, too.
   * Default: `['find', 'findOne']`.
   */
  operations?: readonly ReadOperation[];
}

const KNOWN = ['ttl', 'staleTtl', 'tags', 'operations'] as const satisfies readonly (keyof CacheDefaults)[];
const QUERIES = ['find', 'findOne', 'countDocuments', 'estimatedDocumentCount', 'distinct'] as const;
const OPERATIONS: readonly string[] = [...QUERIES, 'aggregate'] satisfies ReadOperation[];

/**
 * A plugin for schemas: `schema.plugin(cacheDefaults, { ttl: '1m' })`. Queries of all models of that schema,
 * discriminators included, are then cached on every attached connection without `.cache()`, and `.cache(…)` has
 * these defaults; what a query says for itself comes first, and `.cache(false)` takes it back. Where no connection
 * is attached, nothing happens.
 *
 * Queries with `{ middleware: false }` are not touched. Queries that a `populate` makes are those of the models
 * that are populated: their own schema speaks for them.
 *
 * @throws QueryCacheError for options that can't be used
 */
export function cacheDefaults(schema: object, options: CacheDefaults = {}): void {
  const defaults = schemaDefaults(options);
  if (!isSchema(schema)) {
    throw new QueryCacheError({
      problem: `cacheDefaults was given ${shown(schema)}`,
      expected: 'a Mongoose schema',
      advice: 'write schema.plugin(cacheDefaults, { ttl: 60 })',
    });
  }
  schema.pre(QUERIES, function () {
    markQueryBySchema(this, defaults);
  });
  // No hook of an aggregate can change where it goes: it has its collection before they run.
  const { aggregate: before } = schema.statics;
  schema.statics.aggregate = function (this: { base: Mongoose }, ...args: unknown[]) {
    const make = before ?? (Reflect.get(this.base.Model, 'aggregate') as typeof before & {});
    const aggregate = Reflect.apply(make, this, args) as MarkableAggregate;
    markAggregateBySchema(aggregate, defaults);
    return aggregate;
  };
}

function schemaDefaults(given: CacheDefaults): SchemaDefaults {
  const where = 'cacheDefaults';
  if (!isPlain(given)) {
    throw new QueryCacheError({ problem: `${where} was given ${shown(given)}`, expected: EXPECTED });
  }
  const unknown = Object.keys(given).find((name) => !(KNOWN as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new QueryCacheError({ problem: `${where} has no option ${shown(unknown)}`, expected: EXPECTED });
  }
  const { ttl, staleTtl, tags = [], operations = ['find', 'findOne'] }: CacheDefaults = given;
  if (!Array.isArray(tags)) throw refused('tags', tags, 'a list of strings');
  if (!Array.isArray(operations) || !operations.every((one) => OPERATIONS.includes(one as string)))
    throw refused('operations', operations, `a list of ${OPERATIONS.join(', ')}`);
  try {
    return {
      ...(ttl !== undefined && { ttl: toMilliseconds(ttl, 'ttl') }),
      ...(staleTtl !== undefined && { staleTtl: toMilliseconds(staleTtl, 'staleTtl') }),
      tags: tags.map((tag) => checkedName('The tag', tag)),
      operations: new Set(operations as readonly string[]),
    };
  } catch (error) {
    if (!(error instanceof FloraError)) throw error;
    throw new QueryCacheError({ problem: `${where}: ${error.message.replace(/\.$/, '')}`, cause: error });
  }
}

const EXPECTED = `an object with ${KNOWN.join(', ')}`;

const refused = (name: string, value: unknown, expected: string) =>
  new QueryCacheError({ problem: `cacheDefaults: ${name} is ${shown(value)}`, expected });
