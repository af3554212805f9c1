import { firstRose, type Ground, type List, type Order } from './ground.js';

const BACKUP = 'A backup is whole, counted and hashed';
const DAMAGE = 'Someone drops all orders, and every price is one cent';
const RESTORE = 'The backup is restored: everything is as it was, byte by byte';

/** Backup, damage, restore. */
export async function backupSteps({ guide, visitor, ada, admin, database, backups }: Ground): Promise<void> {
  if (backups !== 'possible') {
    for (const promise of [BACKUP, DAMAGE, RESTORE]) guide.skip(promise, backups.missing);
    return;
  }
  const before = {
    fingerprint: await database.fingerprint(),
    rose: await firstRose(visitor),
    orders: (await ada.get('/me/orders')).text,
  };
  let id = '';

  await guide.step(BACKUP, async ({ note, expect }) => {
    const made = await admin.send<{ id: string; status: string; documents: number; bytes: number }>(
      'POST',
      '/admin/backups',
      { label: 'tour' },
    );
    expect('the backup', [made.status, made.body.status], [201, 'good']);
    expect('its documents', made.body.documents, await database.documents());
    ({ id } = made.body);
    const verified = await admin.send<{ good: boolean; documents: number }>(
      'POST',
      `/admin/backups/${id}/verify`,
    );
    expect('what verifying says', [verified.body.good, verified.body.documents], [true, made.body.documents]);
    note(
      `${made.body.documents} documents in ${made.body.bytes} bytes: ` +
        `made in ${made.milliseconds} ms, verified in ${verified.milliseconds} ms`,
    );
  });

  await guide.step(DAMAGE, async ({ note, expect }) => {
    await database.damage();
    await admin.send('DELETE', '/admin/cache');
    expect('the price of the first rose', (await firstRose(visitor)).priceCents, 1);
    expect('orders of customer 1', (await ada.get<List<Order>>('/me/orders')).body.total, 0);
    note('the shop shows it');
  });

  await guide.step(RESTORE, async ({ note, expect }) => {
    const unconfirmed = await admin.send('POST', `/admin/backups/${id}/restore`, { confirm: 'yes' });
    expect('a restore that is not confirmed', unconfirmed.status, 400);
    const restored = await admin.send('POST', `/admin/backups/${id}/restore`, { confirm: id });
    expect('the restore', restored.status, 200);
    expect('the data', await database.fingerprint(), before.fingerprint);
    expect('the first rose', await firstRose(visitor), before.rose);
    expect('the page of customer 1', (await ada.get('/me/orders')).text, before.orders);
    note(
      `restored in ${restored.milliseconds} ms, sha256 of all data ${before.fingerprint.slice(0, 16)}… as before`,
    );
  });
}
