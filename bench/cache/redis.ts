import { createClient } from 'redis';
import { described } from '../../dist/flora/servers/place.js';
import { startRedisServer } from '../../dist/flora/servers/redis-server.js';
import { findRedisServer } from '../../dist/flora/servers/resolve.js';

const client = (url: string) => createClient({ url });

/** A redis-server for this run alone: it is emptied between scenarios, so none that holds anything is ever used. */
export interface BenchRedis {
  readonly url: string;
  readonly version: string;
  /** A connection that measures, and clears up, beside those of the systems. */
  readonly admin: ReturnType<typeof client>;
  empty(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<BenchRedis> {
  const found = await findRedisServer({ log: console.log });
  console.log(described(found));
  const server = await startRedisServer(found);
  const admin = await client(server.url).connect();
  return {
    url: server.url,
    version: found.version,
    admin,
    empty: async () => void (await admin.flushAll()),
    stop: async () => {
      admin.destroy();
      await server.stop();
    },
  };
}
