import type { Askable, CacheUnderTest, Marks } from '../../../test/conformance/queries/query-cache.js';
import { PeerCache, required } from './connected.js';

interface Instance {
  clear(key?: string): Promise<void>;
}
interface TsCacheMongoose {
  init(
    mongoose: unknown,
    options: {
      engine: 'redis';
      engineOptions: { host: string; port: number };
      onError: (error: Error) => void;
    },
  ): Instance;
}
type Markable = { cache(ttl?: string, key?: string): unknown };

class TsCache extends PeerCache {
  readonly #instance: Instance;

  constructor(redisUrl: string) {
    super();
    const { hostname: host, port } = new URL(redisUrl);
    const loaded = required<TsCacheMongoose | { default: TsCacheMongoose }>('ts-cache-mongoose');
    this.#instance = ('default' in loaded ? loaded.default : loaded).init(this.mongoose, {
      engine: 'redis',
      engineOptions: { host, port: Number(port) },
      onError: () => {}, // what it could not store is seen in the reads of the database
    });
  }

  async ask<Answer>(query: Askable<Answer>, marks?: Marks): Promise<Answer> {
    return this.mark(query, marks).exec();
  }

  override mark<Query>(query: Query, { ttl = 60, key }: Marks = {}): Query {
    return (query as Markable).cache(`${ttl} seconds`, key) as Query;
  }

  override clearKey = (key: string) => this.#instance.clear(key);
  override clearAll = () => this.#instance.clear();
}

export function cacheUnderTest(variant: string): CacheUnderTest {
  return {
    name: 'ts-cache-mongoose',
    variant,
    module: import.meta.filename,
    offers: new Set(['ttl 0', 'mark', 'key', 'clearKey', 'clearAll']),
    open: async ({ redisUrl }) => new TsCache(redisUrl),
  };
}
