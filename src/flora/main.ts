import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { CacheService } from '../index.js';
import { closingSignal } from './closing-signal.js';
import { told } from './failure.js';
import { bringServers, type Servers } from './servers/bring-servers.js';
import { onServers, openShop, type Shop } from './shop.js';

/** `npm start`: brings what is missing, opens the shop, and leaves nothing behind when it is closed. */
async function main(): Promise<void> {
  const closing = closingSignal();
  // Whether MONGO_URI and REDIS_URL are named has to be known before the application reads its configuration.
  if (existsSync('.env')) process.loadEnvFile('.env');
  const servers = await bringServers({ log: console.log });
  try {
    if (closing.aborted) return;
    const shop = await openShop(onServers(servers));
    tellOfRedis(shop, closing);
    try {
      welcome(shop, servers);
      if (!closing.aborted) await once(closing, 'abort');
    } finally {
      await shop.close();
    }
  } finally {
    await servers.stop();
    if (closing.aborted) console.log('\nFlora is closed.');
  }
}

function tellOfRedis({ app }: Shop, closing: AbortSignal): void {
  const cache = app.get(CacheService);
  const tell = (line: string): void => void (closing.aborted || console.log(line));
  const away = (reason: string): void => tell(`Redis is away (${reason}); the shop goes on without it.`);
  if (cache.stats().state === 'down') away('it does not answer');
  cache.on('down', ({ reason }) => away(reason));
  cache.on('up', () => tell('Redis answers.'));
}

function welcome({ url, seeded, adminToken }: Shop, { mongo, redis, tools }: Servers): void {
  if (seeded) {
    const { products, customers, orders } = seeded;
    console.log(
      `Filled the empty database with ${count(products)} products, ${count(customers)} customers and ` +
        `${count(orders)} orders.`,
    );
  }
  if (redis.at === undefined) console.log('There is no Redis: the cache lives in this process alone.');
  if (tools.at === undefined) console.log('There is no mongodump: the backup routes answer 503.');
  console.log(`
Flora is open at ${url}

  ${url}/       what to try
  ${url}/docs   every route, to be tried in the browser
  demo-1, demo-2 …   tokens of customers
  ${adminToken}   token of the admin (ADMIN_TOKEN)

Try
  curl -si ${url}/products | grep -i cache-status      # twice: the second one is a hit
  curl -s ${url}/me/orders -H 'Authorization: Bearer demo-1'
  curl -s -X POST ${url}/admin/backups -H 'Authorization: Bearer ${adminToken}'

${mongo.server ? 'This MongoDB is gone when the shop is closed; set MONGO_URI to keep its data. ' : ''}Ctrl-C closes the shop.`);
}

const count = (number: number): string => number.toLocaleString('en');

try {
  await main();
} catch (error) {
  console.error(told(error));
  process.exitCode = 1;
}
