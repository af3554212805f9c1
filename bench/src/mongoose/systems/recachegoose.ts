import { createRequire } from 'node:module';
import { queryOf } from '../pages.js';
import { TTL_SECONDS, type Ground, type Setting, type Subject, type System } from '../system.js';
import { connected } from './connected.js';

type Recachegoose = (mongoose: unknown, options: { engine: string; host?: string; port?: number }) => void;
type Marked<Query> = Query & { cache(ttl: number): Query };

export const recachegoose: System = {
  name: 'recachegoose',
  packages: ['recachegoose'],
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

/** Its own range of Mongoose ends with 8. */
async function open({ mongoUri, redisUrl }: Ground, engine: 'redis' | 'memory'): Promise<Subject> {
  const recache = createRequire(import.meta.url)('recachegoose') as Recachegoose;
  const { mongoose, products, reference, disconnect } = await connected(mongoUri);
  const { hostname: host, port } = new URL(redisUrl);
  recache(mongoose, { engine, ...(engine === 'redis' && { host, port: Number(port) }) });
  return {
    read: (page) => {
      const query = queryOf(products, page);
      return (query as Marked<typeof query>).cache(TTL_SECONDS).exec();
    },
    reference,
    close: disconnect,
  };
}
