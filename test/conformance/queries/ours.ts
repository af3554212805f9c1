import mongoose, { type Connection, type Mongoose } from 'mongoose';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { MongooseCachePlugin } from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import {
  QueryCache,
  type AnyModel,
  type AnySchema,
  type Askable,
  type CacheUnderTest,
  type Marks,
  type Offer,
} from './query-cache.js';

type Markable = { cache(marks?: Marks | false): unknown };

/** Small enough for cases that wait for it to be over. */
const OPTIONS: CacheModuleOptions = { jitter: 0, outageTtl: '50ms' };
const VARIANTS: Record<string, CacheModuleOptions> = {
  'memory and Redis': {},
  'Redis alone': { memory: false },
};

export const variants = Object.keys(VARIANTS);

const OFFERS: readonly Offer[] = [
  'mark',
  'key',
  'tags',
  'staleTtl',
  'false',
  'ttl 0',
  'clearKey',
  'clearModel',
  'clearPattern',
  'clearAll',
  'clearTags',
];

class Ours extends QueryCache {
  readonly mongoose: Mongoose = mongoose;
  readonly #plugin: MongooseCachePlugin;

  constructor(private readonly service: CacheService) {
    super();
    this.#plugin = new MongooseCachePlugin(service);
  }

  async connect(uri: string): Promise<Connection> {
    const connection = this.#plugin.attach(mongoose.createConnection());
    return connection.openUri(uri, { monitorCommands: true, autoIndex: false, autoCreate: false });
  }

  model(connection: Connection, name: string, schema: AnySchema, collection?: string): AnyModel {
    const model: unknown = connection.model(name, schema, collection);
    return model as AnyModel;
  }

  async ask<Answer>(query: Askable<Answer>, marks?: Marks | false): Promise<Answer> {
    return this.mark(query, marks).exec();
  }

  override mark<Query>(query: Query, marks?: Marks | false): Query {
    return (query as Markable).cache(marks) as Query;
  }

  override clearKey = (key: string) => this.service.delete(key);
  override clearModel = (model: AnyModel) => this.service.clearModelCache(model);
  override clearPattern = (glob: string) => this.service.clearPattern(glob);
  override clearTags = (...tags: string[]) => this.service.invalidateTags(...tags);
  override clearAll = () => this.service.clear();

  async close(): Promise<void> {
    this.#plugin.detach();
    await this.service.close();
  }
}

/** The plugin of this project. */
export function cacheUnderTest(variant: string): CacheUnderTest {
  return {
    name: 'flora',
    variant,
    module: import.meta.filename,
    offers: new Set(OFFERS),
    open: async ({ redisUrl, namespace }) =>
      new Ours(await createCache({ redis: { url: redisUrl }, namespace, ...OPTIONS, ...VARIANTS[variant] })),
  };
}
