import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { describeWith, startOwnMongo } from '../servers/index.js';
import { type Command, startCommand } from './command.js';

const SMALL = { FLORA_SEED_PRODUCTS: '60', FLORA_SEED_CUSTOMERS: '10', FLORA_SEED_ORDERS: '50' };
const NOWHERE = '/nonexistent/program';

async function startShop(
  env: Record<string, string> = {},
): Promise<Command & { url: string; admin: string }> {
  const command = await startCommand('main', { ...SMALL, ...env });
  const [, url = ''] = await command.until(/Flora is open at (\S+)[^]*Ctrl-C/);
  const [, admin = ''] = await command.until(/(\S+) +token of the admin/);
  return { ...command, url, admin };
}

describeWith(['mongod', 'redis-server'], 'npm start', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'opens a shop with servers of its own, and closes it all on %s',
    async (signal) => {
      const shop = await startShop();
      expect(shop.printed()).toMatch(/^MongoDB \d/m);
      expect(shop.printed()).toMatch(/^Redis \d/m);
      expect(shop.printed()).toContain('60 products, 10 customers and 50 orders');
      expect((await fetch(`${shop.url}/docs`)).status).toBe(200);
      const admin = await fetch(`${shop.url}/admin/cache`, {
        headers: { Authorization: `Bearer ${shop.admin}` },
      });
      expect(admin.status).toBe(200);
      expect(await (await fetch(`${shop.url}/health`)).json()).toEqual({
        status: 'ok',
        mongodb: 'up',
        redis: 'up',
      });
      // A terminal, npm and the Nest CLI may each send one.
      for (let times = 0; times < 3; times += 1) shop.kill(signal);
      const { exitCode, printed } = await shop.ended();
      expect(exitCode).toBe(0);
      expect(printed).toContain('Flora is closed.');
      expect(printed).not.toContain('Redis is away');
      expect(await shop.leftovers()).toEqual([]);
    },
  );

  it('prints lines that can be tried as they are', async () => {
    const shop = await startShop();
    const tries = [...shop.printed().matchAll(/curl .*?(?:-X (\w+) )?(http\S+)(?: -H '(\w+): ([^']+)')?/g)];
    expect(tries.length).toBeGreaterThanOrEqual(3);
    for (const [, method = 'GET', url = '', header, value = ''] of tries) {
      if (url.includes('/admin/backups')) continue;
      const response = await fetch(url, { method, headers: header ? { [header]: value } : {} });
      expect(response.ok).toBe(true);
    }
  });

  it('closes rightly when it is told to while it is still opening', async () => {
    const shop = await startCommand('main', SMALL);
    await shop.until(/^MongoDB \d/m);
    shop.kill('SIGINT');
    expect((await shop.ended()).exitCode).toBe(0);
    expect(await shop.leftovers()).toEqual([]);
  });

  it('closes when npm was told to: it tells nobody but the shell of its script', async () => {
    const env = { ...SMALL, npm_lifecycle_event: 'start' };
    const shop = await startCommand('main', env, { belowShell: true });
    await shop.until(/Flora is open/);
    shop.kill('SIGTERM');
    await expect.poll(() => shop.printed(), { timeout: 20_000 }).toContain('Flora is closed.');
    expect(await shop.leftovers()).toEqual([]);
  });

  it('takes its servers along even when it is killed', async () => {
    const shop = await startShop();
    shop.kill('SIGKILL');
    await shop.ended();
    expect(await shop.leftovers()).toEqual([]);
  });

  it('goes without a Redis and without mongodump, and says so', async () => {
    const shop = await startShop({ REDIS_SERVER_BINARY: NOWHERE, MONGO_TOOLS_DIR: NOWHERE });
    expect(shop.printed()).toContain('There is no Redis: the cache lives in this process alone.');
    expect(shop.printed()).toContain('There is no mongodump: the backup routes answer 503.');
    const products = `${shop.url}/products`;
    await fetch(products);
    expect((await fetch(products)).headers.get('cache-status')).toMatch(/hit|collapsed/);
    const backup = await fetch(`${shop.url}/admin/backups`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${shop.admin}` },
    });
    expect(backup.status).toBe(503);
    shop.kill('SIGINT');
    expect((await shop.ended()).exitCode).toBe(0);
    expect(await shop.leftovers()).toEqual([]);
  });

  it('says that its port is taken, in one line, and leaves nothing behind', async () => {
    const taken = createServer().listen(0, 'localhost');
    onTestFinished(() => void taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const shop = await startCommand('main', { ...SMALL, PORT: String(port) });
    const { exitCode, printed } = await shop.ended();
    expect(exitCode).toBe(1);
    expect(printed.trim().split('\n').at(-1)).toBe(`Port ${port} is taken; close what uses it, or set PORT.`);
    expect(await shop.leftovers()).toEqual([]);
  });

  it('lists all that is wrong with its environment, and no stack', async () => {
    const shop = await startCommand('main', {
      PORT: 'front door',
      REDIS_TTL: 'soon',
      BACKUP_RETENTION_DAYS: '-1',
    });
    const { exitCode, printed } = await shop.ended();
    expect(exitCode).toBe(1);
    for (const name of ['PORT', 'REDIS_TTL', 'BACKUP_RETENTION_DAYS'])
      expect(printed).toContain(`- ${name} `);
    expect(printed).not.toMatch(/^\s+at /m);
    expect(await shop.leftovers()).toEqual([]);
  });

  it('says that the MongoDB it was given does not answer, without its password', async () => {
    const shop = await startCommand('main', { MONGO_URI: 'mongodb://flora:s3cret@127.0.0.1:1/shop' });
    const { exitCode, printed } = await shop.ended();
    expect(exitCode).toBe(1);
    expect(printed.trim().split('\n').at(-1)).toMatch(/^The MongoDB that MONGO_URI names can't be used/);
    expect(printed).not.toContain('s3cret');
    expect(printed).not.toMatch(/^\s+at /m);
    expect(await shop.leftovers()).toEqual([]);
  });

  it('says that the MongoDB it was given has no transactions', async () => {
    const alone = await startOwnMongo({ replicaSet: false });
    onTestFinished(() => alone.stop());
    const shop = await startCommand('main', { MONGO_URI: alone.url });
    const { exitCode, printed } = await shop.ended();
    expect(exitCode).toBe(1);
    expect(printed).toContain('expected a replica set');
    expect(printed).not.toMatch(/^\s+at /m);
    expect(await shop.leftovers()).toEqual([]);
  });

  it('says what to do when there is no MongoDB to be had', async () => {
    const shop = await startCommand('main', { MONGOD_BINARY: NOWHERE });
    const { exitCode, printed } = await shop.ended();
    expect(exitCode).toBe(1);
    expect(printed).toContain('MONGO_URI');
    expect(printed).toContain('Without MongoDB there is no shop');
    expect(printed).not.toMatch(/^\s+at /m);
    expect(await shop.leftovers()).toEqual([]);
  });
});
