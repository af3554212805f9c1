import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { closingSignal } from './closing-signal.js';
import { checkDatabase, withoutDatabase } from './database-check.js';
import { told } from './failure.js';
import type { Start } from './flora.module.js';
import { bringServers, type Servers } from './servers/bring-servers.js';
import { onServers, openShop } from './shop.js';
import { backupSteps } from './tour/backup.steps.js';
import { catalogueSteps } from './tour/catalogue.steps.js';
import { customerSteps } from './tour/customer.steps.js';
import { withDatabase } from './servers/with-database.js';
import { Database } from './tour/database.js';
import type { Ground } from './tour/ground.js';
import { Guide } from './tour/guide.js';
import { outageSteps } from './tour/outage.steps.js';
import { OwnRedis } from './tour/own-redis.js';
import { Visitor } from './tour/visitor.js';

/** In the names of the database, the keys and the folder: whose servers they are on, nothing else is touched. */
const NAME = `flora-tour-${randomBytes(4).toString('hex')}`;

/** `npm run tour`: opens a shop of its own, walks through what is promised, and leaves nothing behind. */
async function main(): Promise<boolean> {
  const closing = closingSignal();
  if (existsSync('.env')) process.loadEnvFile('.env');
  const servers = await bringServers({ log: console.log });
  try {
    return await tour(servers, closing);
  } finally {
    await servers.stop();
  }
}

async function tour(servers: Servers, closing: AbortSignal): Promise<boolean> {
  const { mongo, redis, tools } = servers;
  if (mongo.at === undefined) throw withoutDatabase();
  const uri = withDatabase(mongo.at, NAME);
  await checkDatabase(uri);
  const folder = await mkdtemp(join(tmpdir(), `${NAME}-`));
  const database = await Database.connect(uri);
  const ownRedis = redis.server && new OwnRedis(redis.server);
  try {
    const shop = await openShop(onServers(servers, ownVariables(uri, folder)), ['error']);
    try {
      console.log(`\nA tour through the shop at ${shop.url}\n`);
      const guide = new Guide(console.log, closing);
      const visitor = new Visitor(shop.url);
      const ground: Ground = {
        guide,
        visitor,
        ada: visitor.as('demo-1'),
        ben: visitor.as('demo-2'),
        admin: visitor.as(shop.adminToken),
        database,
        redis: ownRedis ?? { missing: whyRedisStays(redis) },
        backups: tools.at === undefined ? { missing: tools.missing } : 'possible',
      };
      await catalogueSteps(ground);
      await customerSteps(ground);
      await outageSteps(ground);
      await backupSteps(ground);
      return guide.end();
    } finally {
      await shop.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
    await ownRedis?.stop();
    if (redis.at !== undefined && !ownRedis) await removeKeys(redis.at);
    await database.drop();
    await database.close();
  }
}

/** Nothing of an existing shop's is used, whatever its environment says; the data is that of the default sizes. */
function ownVariables(uri: string, folder: string): Start['variables'] {
  return {
    MONGO_URI: uri,
    CACHE_NAMESPACE: NAME,
    BACKUP_DIR: folder,
    BACKUP_CRON: '',
    HOST: 'localhost',
    PORT: '0',
    FLORA_SEED_PRODUCTS: '',
    FLORA_SEED_CUSTOMERS: '',
    FLORA_SEED_ORDERS: '',
  };
}

function whyRedisStays({ at }: Servers['redis']): string {
  return at === undefined
    ? 'there is no Redis: the cache lives in the process of the shop'
    : 'the Redis that REDIS_URL names is not the tour’s to stop';
}

async function removeKeys(url: string): Promise<void> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => {}); // What is wrong is said by the call that fails.
  try {
    await client.connect();
    for await (const keys of client.scanIterator({ MATCH: `*${NAME}*`, COUNT: 1_000 })) {
      if (keys.length > 0) await client.unlink(keys);
    }
  } catch (error) {
    console.log(`The keys of the tour stay in Redis until they expire (${(error as Error).message}).`);
  } finally {
    client.destroy();
  }
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(told(error));
  process.exitCode = 1;
}
