import { createClient } from 'redis';
import type { BenchServers } from '../benchmark.js';
import { described } from '../../../dist/flora/servers/place.js';
import { startRedisServer } from '../../../dist/flora/servers/redis-server.js';
import { findRedisServer } from '../../../dist/flora/servers/resolve.js';

const client = (url: string) => createClient({ url });

export interface BenchRedis extends BenchServers {
  readonly url: string;
  /** A connection that measures, and clears up, beside those of the systems. */
  readonly admin: ReturnType<typeof client>;
}

export async function startRedis(): Promise<BenchRedis> {
  const found = await findRedisServer({ log: console.log });
  console.log(described(found));
  const server = await startRedisServer(found);
  const admin = await client(server.url).connect();
  return {
    url: server.url,
    versions: { redis: found.version },
    admin,
    empty: async () => void (await admin.flushAll()),
    stop: async () => {
      admin.destroy();
      await server.stop();
    },
  };
}
