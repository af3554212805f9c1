import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { Database } from '../../src/flora/tour/database.js';
import { describeWith, tools } from '../servers/index.js';
import { openTestShop, shopForThisTest, type TestShop } from './open-test-shop.js';

interface Backup {
  id: string;
  status: string;
  label?: string;
  documents: number;
}

describeWith(['mongo', 'redis', 'tools'], 'backups of the flower shop', () => {
  let shop: TestShop;
  let database: Database;

  beforeAll(async () => {
    shop = await openTestShop({ variables: { MONGO_TOOLS_DIR: tools() } });
    database = await Database.connect(shop.uri);
  });

  afterAll(async () => {
    await database.close();
    await shop.close();
  });

  const backUp = (label?: string) =>
    shop.admin.send<Backup>('POST', '/admin/backups', label ? { label } : undefined);

  it('are made, listed and found good', async () => {
    const made = await backUp('before the sale');
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      status: 'good',
      label: 'before the sale',
      documents: await database.documents(),
    });
    const listed = (await shop.admin.get<Backup[]>('/admin/backups')).body;
    expect(listed.find(({ id }) => id === made.body.id)).toEqual(made.body);
    const verified = await shop.admin.send('POST', `/admin/backups/${made.body.id}/verify`);
    expect([verified.status, verified.body]).toMatchObject([
      200,
      { good: true, documents: made.body.documents },
    ]);
  });

  it('bring the shop back after a damage, in the database and on cached pages', async () => {
    const page = '/products?category=roses';
    const before = {
      data: await database.fingerprint(),
      page: (await shop.visitor.get(page)).text,
      orders: (await shop.customer(1).get('/me/orders')).text,
    };
    const { id } = (await backUp()).body;
    await database.damage();
    await shop.admin.send('DELETE', '/admin/cache');
    expect((await shop.visitor.get(page)).text).not.toBe(before.page);
    expect((await shop.customer(1).get('/me/orders')).text).not.toBe(before.orders);

    const restored = await shop.admin.send('POST', `/admin/backups/${id}/restore`, { confirm: id });
    expect(restored.status).toBe(200);
    expect(await database.fingerprint()).toBe(before.data);
    expect((await shop.visitor.get(page)).text).toBe(before.page);
    expect((await shop.customer(1).get('/me/orders')).text).toBe(before.orders);
  });

  it('replace nothing unless the id is said twice', async () => {
    const { id } = (await backUp()).body;
    const before = await database.fingerprint();
    for (const body of [undefined, {}, { confirm: '' }, { confirm: 'latest' }, { confirm: true }]) {
      expect((await shop.admin.send('POST', `/admin/backups/${id}/restore`, body)).status).toBe(400);
    }
    expect(await database.fingerprint()).toBe(before);
  });

  it.each(['nope', '..%2F..%2Fetc%2Fpasswd', '%2Fetc%2Fpasswd', 'latest%00'])(
    'know no backup %s',
    async (id) => {
      const confirm = decodeURIComponent(id);
      const restore = await shop.admin.send('POST', `/admin/backups/${id}/restore`, { confirm });
      const verify = await shop.admin.send('POST', `/admin/backups/${id}/verify`);
      for (const { status } of [restore, verify]) expect([400, 404]).toContain(status);
    },
  );

  it('are made by themselves when BACKUP_CRON says so', async () => {
    const every = { BACKUP_CRON: '* * * * * *', MONGO_TOOLS_DIR: tools() };
    const scheduled = await shopForThisTest({ variables: every });
    const good = async (): Promise<number> =>
      (await scheduled.admin.get<Backup[]>('/admin/backups')).body.filter(({ status }) => status === 'good')
        .length;
    await expect.poll(good, { timeout: 20_000 }).toBeGreaterThan(0);
  });

  it('are cleaned up by age, never the last good one', async () => {
    await backUp();
    const cleaned = await shop.admin.send<{ removed: string[]; kept: string[] }>(
      'POST',
      '/admin/backups/cleanup',
    );
    expect(cleaned.status).toBe(200);
    expect(cleaned.body.removed).toEqual([]);
    expect(cleaned.body.kept.length).toBeGreaterThan(0);
  });
});

describeWith(['mongo', 'redis'], 'the admin of the flower shop', () => {
  it('is let in by the token alone', async () => {
    const shop = await shopForThisTest();
    const routes = [
      ['GET', '/admin/cache'],
      ['DELETE', '/admin/cache'],
      ['GET', '/admin/backups'],
      ['POST', '/admin/backups'],
      ['POST', '/admin/backups/x/verify'],
      ['POST', '/admin/backups/x/restore'],
      ['POST', '/admin/backups/cleanup'],
    ] as const;
    for (const [method, path] of routes) {
      for (const token of [undefined, 'demo-1', '', 'sesame!', 'Sesame']) {
        const response = await fetch(shop.url + path, {
          method,
          headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
        });
        expect(`${response.status} to ${method} ${path} as ${token}`).toBe(
          `401 to ${method} ${path} as ${token}`,
        );
      }
    }
    expect((await shop.admin.get('/admin/cache')).status).toBe(200);
  });

  it('gets a token that nobody can guess where none is named', async () => {
    const token = (await shopForThisTest({ variables: { ADMIN_TOKEN: '' } })).adminToken;
    expect(token).toMatch(/^[\w-]{16,}$/);
  });

  it('is told why no backup can be made without mongodump, while the shop goes on', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'flora-test-no-tools-'));
    onTestFinished(() => rm(empty, { recursive: true }));
    const shop = await shopForThisTest({ variables: { MONGO_TOOLS_DIR: empty } });
    const refused = await shop.admin.send<{ code: string; message: string }>('POST', '/admin/backups');
    expect(refused.status).toBe(503);
    expect(refused.body.code).toBe('TOOL_NOT_FOUND');
    expect(refused.body.message).toContain('mongodump');
    expect((await shop.visitor.get('/products')).status).toBe(200);
    expect((await shop.admin.get('/admin/backups')).body).toEqual([]);
  });
});
