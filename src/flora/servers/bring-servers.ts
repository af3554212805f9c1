import { dirname } from 'node:path';
import { withoutCredentials } from '../../errors.js';
import { startMongod } from './mongod.js';
import { described } from './place.js';
import { startRedisServer } from './redis-server.js';
import { findMongod, findMongoTools, findRedisServer, type Search } from './resolve.js';
import { ProgramNotFoundError } from './servers.errors.js';
import type { RunningServer } from './start-server.js';

/** A part that the shop or its tests need: where it is, or why it can't be had. */
export type Part =
  | {
      /** A URL, or for the tools the folder they are in. */
      at: string;
      /** Present if it was started for this: stopped by `Servers.stop`, can be killed to try faults. */
      server?: RunningServer;
      missing?: undefined;
    }
  | { at?: undefined; server?: undefined; missing: string };

export interface Servers {
  mongo: Part;
  redis: Part;
  /** mongodump and mongorestore. */
  tools: Part;
  /** Stops what was started here; afterwards no process and no file of it is left. */
  stop(): Promise<void>;
}

/**
 * A MongoDB (a replica set), a Redis and the MongoDB tools: those that MONGO_URI, REDIS_URL and MONGO_TOOLS_DIR
 * name, else own ones, found or downloaded. `log` gets one line for each, which says what is used and from where,
 * or what is missing and what to do. What can't be had is `missing`, not an error.
 *
 * @throws ServerStartError when a server was found and does not start; nothing is left running then
 */
export async function bringServers(search: Search = {}): Promise<Servers> {
  const parts = await Promise.allSettled([bringMongo(search), bringRedis(search), bringTools(search)]);
  const had = parts.flatMap((part) => (part.status === 'fulfilled' ? [part.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(had.map(async ({ server }) => server?.stop()));
  };
  const failed = parts.find((part) => part.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const [mongo, redis, tools] = had as [Part, Part, Part];
  return { mongo, redis, tools, stop };
}

async function bringMongo(search: Search): Promise<Part> {
  return bring('MongoDB', 'MONGO_URI', search, async () => {
    const found = await findMongod(search);
    search.log?.(described(found));
    const server = await startMongod(found);
    const url = new URL(server.url);
    url.pathname = '/flora-shop';
    return { at: url.href, server };
  });
}

async function bringRedis(search: Search): Promise<Part> {
  return bring('Redis', 'REDIS_URL', search, async () => {
    const found = await findRedisServer(search);
    search.log?.(described(found));
    const server = await startRedisServer(found);
    return { at: server.url, server };
  });
}

async function bringTools(search: Search): Promise<Part> {
  return bring('MongoDB tools', undefined, search, async () => {
    const found = await findMongoTools(search);
    search.log?.(described(found));
    return { at: dirname(found.path) };
  });
}

async function bring(
  product: string,
  variable: string | undefined,
  { env = process.env, log }: Search,
  own: () => Promise<Part>,
): Promise<Part> {
  const named = variable && env[variable];
  if (named) {
    log?.(`${product} at ${withoutCredentials(named)} (${variable})`);
    return { at: named };
  }
  try {
    return await own();
  } catch (error) {
    if (!(error instanceof ProgramNotFoundError)) throw error;
    log?.(error.message);
    return { missing: error.message };
  }
}
