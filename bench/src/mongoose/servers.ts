import mongoose from 'mongoose';
import { createClient } from 'redis';
import { startMongod } from '../../../dist/flora/servers/mongod.js';
import { described } from '../../../dist/flora/servers/place.js';
import { startRedisServer } from '../../../dist/flora/servers/redis-server.js';
import { findMongod, findRedisServer } from '../../../dist/flora/servers/resolve.js';
import { withDatabase } from '../../../dist/flora/servers/with-database.js';
import type { BenchServers } from '../benchmark.js';
import { seed } from './products.js';

const DATABASE = 'bench';

/** A MongoDB full of products and an empty Redis. */
export interface QueryServers extends BenchServers {
  readonly mongoUri: string;
  readonly redisUrl: string;
  /** How many queries the server has answered on the products, as it counts them itself. */
  reads(): Promise<number>;
  /** Until `work` has ended, every find takes this long. */
  slowly<Result>(ms: number, work: () => Promise<Result>): Promise<Result>;
}

export async function startServers(): Promise<QueryServers> {
  const found = { mongod: await findMongod({ log: console.log }), redis: await findRedisServer() };
  for (const one of Object.values(found)) console.log(described(one));
  // Slow finds are made by a fail point, and fail points need that.
  const mongod = await startMongod(found.mongod, { args: ['--setParameter', 'enableTestCommands=1'] });
  const redis = await startRedisServer(found.redis);
  const mongoUri = withDatabase(mongod.url, DATABASE);
  await seed(mongoUri);
  const connection = await mongoose.createConnection(mongoUri).asPromise();
  const admin = connection.getClient().db('admin');
  const client = await createClient({ url: redis.url }).connect();
  const fail = async (mode: 'alwaysOn' | 'off', ms = 0) =>
    admin.command({
      configureFailPoint: 'failCommand',
      mode,
      ...(ms > 0 && { data: { failCommands: ['find'], blockConnection: true, blockTimeMS: ms } }),
    });
  return {
    mongoUri,
    redisUrl: redis.url,
    versions: { redis: redis.version, mongodb: mongod.version },
    reads: async () => {
      const { totals } = (await admin.command({ top: 1 })) as {
        totals: Record<string, { queries: { count: number } }>;
      };
      return totals[`${DATABASE}.products`]?.queries.count ?? 0;
    },
    slowly: async (ms, work) => {
      await fail('alwaysOn', ms);
      try {
        return await work();
      } finally {
        await fail('off');
      }
    },
    empty: async () => void (await client.flushAll()),
    stop: async () => {
      client.destroy();
      await connection.close();
      await Promise.all([mongod.stop(), redis.stop()]);
    },
  };
}
