import type { Duration } from '../../duration.js';

/** How the result of one query is cached. What is absent comes from the plugin, then from the cache's options. */
export interface QueryCacheOptions {
  /** How long the result is fresh. 0: neither looked up nor stored. */
  ttl?: Duration;
  /** How long after `ttl` it may still be served while it is loaded anew. */
  staleTtl?: Duration;
  /**
   * A name for the entry: `cache.get(key)`, `cache.delete(key)` and `cache.clearPattern(…)` act on it. It names
   * one query: another one under the same key is never answered from it, it replaces the entry.
   * Default: a hash of everything that the result depends on, out of reach of these three.
   */
  key?: string;
  /** Tags of yours, for `cache.invalidateTags(…)`, beside those that follow the writes. */
  tags?: readonly string[];
}

declare module 'mongoose' {
  // The names and the order of the parameters are those of Mongoose 9: interfaces merge only when they are the
  // same. Mongoose 8 does not have all of them: those with a default are not missed.
  interface Query<
    ResultType,
    DocType,
    THelpers,
    RawDocType,
    QueryOp,
    TDocOverrides = Record<string, never>,
    TLeanResultType = RawDocType,
  > {
    /**
     * Answers this query from the cache where its connection is attached (`MongooseCachePlugin`), and stores
     * what the database answers. For find, findOne, findById, exists, countDocuments, estimatedDocumentCount
     * and distinct. `false` takes it back.
     *
     * @throws QueryCacheError for options that can't be used, and on queries that write
     */
    cache(options?: Duration | QueryCacheOptions | false): this;
  }

  interface Aggregate<ResultType> {
    /**
     * The same for an aggregate. Pipelines that write, or whose result is not a matter of the data alone
     * (`$$NOW`, `$sample`, `$rand`, `$function` …), go to the database every time.
     *
     * @throws QueryCacheError for options that can't be used
     */
    cache(options?: Duration | QueryCacheOptions | false): this;
  }
}
