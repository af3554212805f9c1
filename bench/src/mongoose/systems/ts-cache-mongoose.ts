import { queryOf } from '../pages.js';
import { TTL_SECONDS, type Ground, type Setting, type Subject, type System } from '../system.js';
import { connected } from './connected.js';

type Marked<Query> = Query & { cache(ttl: string): Query };

export const tsCacheMongoose: System = {
  name: 'ts-cache-mongoose',
  packages: ['ts-cache-mongoose', 'ioredis'],
  settings: [{ ...setting('Redis', 'redis'), isShared: true }, setting('memory', 'memory')],
};

function setting(label: string, engine: 'redis' | 'memory'): Setting {
  return {
    label,
    role: 'cache',
    shapes: ['lean', 'hydrated'],
    differs: engine === 'memory' ? ['no Redis tier'] : [],
    open: async (ground) => open(ground, engine),
  };
}

async function open({ mongoUri, redisUrl }: Ground, engine: 'redis' | 'memory'): Promise<Subject> {
  const { default: tsCache } = await import('ts-cache-mongoose');
  const { mongoose, products, reference, disconnect } = await connected(mongoUri);
  const { hostname: host, port } = new URL(redisUrl);
  const cache = tsCache.init(mongoose, {
    engine,
    defaultTTL: `${TTL_SECONDS} seconds`,
    ...(engine === 'redis' && { engineOptions: { host, port: Number(port) } }),
    onError: () => {}, // what it could not store shows in the reads of the database
  });
  return {
    read: (page) => {
      const query = queryOf(products, page);
      return (query as Marked<typeof query>).cache(`${TTL_SECONDS} seconds`).exec();
    },
    reference,
    close: async () => {
      await cache.close();
      await disconnect();
    },
  };
}
