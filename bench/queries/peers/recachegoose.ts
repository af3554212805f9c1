import type { Askable, CacheUnderTest, Marks } from '../../../test/conformance/queries/query-cache.js';
import { PeerCache, required } from './connected.js';
import { withMongoose8 } from './mongoose-8.js';

interface Recachegoose {
  (mongoose: unknown, options: { engine: 'redis'; host: string; port: number }): void;
  clearCache(key: string | null, done: () => void): void;
}
type Markable = { cache(ttl?: number, key?: string): unknown };

class RecacheGoose extends PeerCache {
  readonly #recachegoose = required<Recachegoose>('recachegoose');

  constructor(redisUrl: string) {
    super();
    const { hostname: host, port } = new URL(redisUrl);
    this.#recachegoose(this.mongoose, { engine: 'redis', host, port: Number(port) });
  }

  async ask<Answer>(query: Askable<Answer>, marks?: Marks): Promise<Answer> {
    return this.mark(query, marks).exec();
  }

  override mark<Query>(query: Query, { ttl = 60, key = '' }: Marks = {}): Query {
    return (query as Markable).cache(ttl, key) as Query;
  }

  override clearKey = (key: string) => this.#clear(key);
  override clearAll = () => this.#clear(null);

  readonly #clear = (key: string | null) =>
    new Promise<void>((done) => this.#recachegoose.clearCache(key, () => done()));
}

export function cacheUnderTest(variant: string): CacheUnderTest {
  return {
    name: 'recachegoose',
    variant,
    module: import.meta.filename,
    offers: new Set(['mark', 'key', 'clearKey', 'clearAll']),
    open: async ({ redisUrl }) => {
      withMongoose8(); // its range ends there
      return new RecacheGoose(redisUrl);
    },
  };
}
