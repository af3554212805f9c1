import { queryOf } from '../pages.js';
import { TTL_SECONDS, type Ground, type Setting, type Subject, type System } from '../system.js';
import { connected } from './connected.js';

type Marked = { cacheQuery(options: { ttl: number }): Promise<unknown> };

export const speedgoose: System = {
  name: 'speedgoose',
  packages: ['speedgoose', 'ioredis'],
  settings: [{ ...setting('Redis', 'REDIS'), isShared: true }, setting('memory', 'IN_MEMORY')],
};

function setting(label: string, strategy: 'REDIS' | 'IN_MEMORY'): Setting {
  return {
    label,
    role: 'cache',
    shapes: ['lean', 'hydrated'],
    differs: strategy === 'IN_MEMORY' ? ['no Redis tier'] : [],
    open: async (ground) => open(ground, strategy),
  };
}

/** With the plugin that its documentation requires for its invalidation. */
async function open({ mongoUri, redisUrl }: Ground, strategy: 'REDIS' | 'IN_MEMORY'): Promise<Subject> {
  const { applySpeedGooseCacheLayer, SharedCacheStrategies, SpeedGooseCacheAutoCleaner } =
    await import('speedgoose');
  const { mongoose, products, reference, disconnect } = await connected(mongoUri, (schema) =>
    schema.plugin(SpeedGooseCacheAutoCleaner as never),
  );
  await applySpeedGooseCacheLayer(mongoose, {
    redisUri: redisUrl,
    sharedCacheStrategy: SharedCacheStrategies[strategy],
    defaultTtl: TTL_SECONDS,
  });
  return {
    read: (page) => (queryOf(products, page) as unknown as Marked).cacheQuery({ ttl: TTL_SECONDS }),
    reference,
    close: disconnect,
  };
}
