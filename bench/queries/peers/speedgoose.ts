import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'mongoose';
import type {
  AnyModel,
  AnySchema,
  Askable,
  CacheUnderTest,
  Marks,
} from '../../../test/conformance/queries/query-cache.js';
import { PeerCache, required } from './connected.js';
import { withMongoose8 } from './mongoose-8.js';

interface Speedgoose {
  applySpeedGooseCacheLayer(mongoose: unknown, config: { redisUri: string }): Promise<void>;
  SpeedGooseCacheAutoCleaner: never;
  clearCacheForKey(key: string): Promise<void>;
  clearCachedResultsForModel(name: string): Promise<void>;
}
interface Events {
  registerListenerForInternalEvents(mongoose: { models: Record<string, unknown> }): void;
}
type Options = { ttl?: number; cacheKey?: string };
type Markable = { cacheQuery?(options: Options): unknown; cachePipeline?(options: Options): unknown };

class SpeedGoose extends PeerCache {
  constructor(private readonly speedgoose: Speedgoose) {
    super();
  }

  /** With the plugin that its documentation requires, on a model as if it had been there when the layer was applied. */
  override model(connection: Connection, name: string, schema: AnySchema, collection?: string): AnyModel {
    schema.plugin(this.speedgoose.SpeedGooseCacheAutoCleaner);
    const model = super.model(connection, name, schema, collection);
    required<Events>('speedgoose/lib/src/mongooseModelEvents').registerListenerForInternalEvents({
      models: { [name]: model },
    });
    return model;
  }

  async ask<Answer>(query: Askable<Answer>, { ttl, key }: Marks = {}): Promise<Answer> {
    const marked = query as unknown as Markable;
    const options = { ...(ttl !== undefined && { ttl }), ...(key !== undefined && { cacheKey: key }) };
    const method = marked.cacheQuery ? 'cacheQuery' : 'cachePipeline';
    return marked[method]?.(options) as Promise<Answer>;
  }

  override clearKey = (key: string) => this.speedgoose.clearCacheForKey(key);
  override clearModel = ({ modelName }: AnyModel) => this.speedgoose.clearCachedResultsForModel(modelName);

  /** It clears in the background. */
  override async settle(): Promise<void> {
    await sleep(100);
  }
}

export function cacheUnderTest(variant: string): CacheUnderTest {
  return {
    name: 'speedgoose',
    variant,
    module: import.meta.filename,
    offers: new Set(['ttl 0', 'key', 'clearKey', 'clearModel']),
    open: async ({ redisUrl }) => {
      withMongoose8(); // with 9 the hooks of its plugin make every write fail
      const speedgoose = required<Speedgoose>('speedgoose');
      const cache = new SpeedGoose(speedgoose);
      await speedgoose.applySpeedGooseCacheLayer(cache.mongoose, { redisUri: redisUrl });
      return cache;
    },
  };
}
