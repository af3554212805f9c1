import { createCache, MongooseCachePlugin } from '../../../../dist/index.js';
import { queryOf } from '../pages.js';
import { TTL_SECONDS, type Ground, type Setting, type Subject, type System } from '../system.js';
import { connected } from './connected.js';

type Options = NonNullable<Parameters<typeof createCache>[0]>;

const MEMORY = { ttl: TTL_SECONDS }; // by default an entry is looked up in Redis again after a minute

/** The plugin of this project, as it was built. */
export const flora: System = {
  name: 'flora',
  packages: [],
  settings: [
    { ...setting('L1', { memory: MEMORY }), isShared: true },
    setting('L2', { memory: false }),
    { ...setting('L2, not compressed', { memory: false, compression: false }), aside: true },
  ],
};

function setting(label: string, options: Options): Setting {
  return {
    label,
    role: 'cache',
    shapes: ['lean', 'hydrated'],
    differs: [],
    open: async (ground) => open(ground, options),
  };
}

async function open({ mongoUri, redisUrl, namespace }: Ground, options: Options): Promise<Subject> {
  const { mongoose, products, reference, disconnect } = await connected(mongoUri);
  const cache = await createCache({ namespace, redis: { url: redisUrl }, ...options });
  const plugin = new MongooseCachePlugin(cache);
  plugin.attach(mongoose as never); // a copy of Mongoose of the benchmarks' own, and so are its types
  return {
    read: (page) => marked(queryOf(products, page)).cache(TTL_SECONDS).exec(),
    reference,
    close: async () => {
      plugin.detach();
      await cache.close();
      await disconnect();
    },
  };
}

const marked = <Query>(query: Query) => query as Query & { cache(ttl: number): Query };
