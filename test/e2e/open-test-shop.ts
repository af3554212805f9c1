import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Start } from '../../src/flora/flora.module.js';
import { openShop, type Shop } from '../../src/flora/shop.js';
import { Visitor } from '../../src/flora/tour/visitor.js';
import { mongo, redis, unique } from '../servers/index.js';

/** A shop on the test servers, small, with a database, keys and a backup folder of its own. */
export interface TestShop extends Shop {
  uri: string;
  visitor: Visitor;
  admin: Visitor;
  customer(number: number): Visitor;
}

/** Opens one that is there until `close`. */
export async function openTestShop({ variables, withoutRedis = false }: Start = {}): Promise<TestShop> {
  const backups = join(tmpdir(), unique());
  const uri = variables?.MONGO_URI ?? mongo();
  const { url, namespace } = redis();
  const shop = await openShop(
    {
      variables: {
        MONGO_URI: uri,
        REDIS_URL: url,
        CACHE_NAMESPACE: namespace,
        BACKUP_DIR: backups,
        BACKUP_CRON: '',
        HOST: 'localhost',
        PORT: '0',
        ADMIN_TOKEN: 'sesame',
        FLORA_SEED_PRODUCTS: '120',
        FLORA_SEED_CUSTOMERS: '40',
        FLORA_SEED_ORDERS: '400',
        ...variables,
      },
      withoutRedis,
    },
    ['fatal'],
  );
  const visitor = new Visitor(shop.url);
  return {
    ...shop,
    uri,
    visitor,
    admin: visitor.as('sesame'),
    customer: (number) => visitor.as(`demo-${number}`),
    close: async () => {
      await shop.close();
      await rm(backups, { recursive: true, force: true });
    },
  };
}

/** Opens one for the test that runs. */
export async function shopForThisTest(start?: Start): Promise<TestShop> {
  const shop = await openTestShop(start);
  onTestFinished(() => shop.close());
  return shop;
}
