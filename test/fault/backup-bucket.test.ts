import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BackupError } from '../../src/backup/backup.errors.js';
import { contentOf, type Ground, ground, plantShop } from '../integration/backup/ground.js';
import { ownBucket } from '../integration/backup/own-bucket.js';
import { type BucketServer, describeBuckets } from '../servers/index.js';
import { type Blow, bucketProxy } from './bucket-proxy.js';

const refuse =
  (status: number, share: number): Blow =>
  (asked, response) => {
    if (Math.random() >= share) return 'passed on';
    asked.resume();
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>${status === 403 ? 'AccessDenied' : 'InternalError'}</Code></Error>`);
    return 'answered';
  };
const wait: Blow = async () => {
  await sleep(Math.random() * 400);
  return 'passed on' as const;
};
const cut =
  (share: number): Blow =>
  (asked) => {
    if (Math.random() >= share) return 'passed on';
    asked.socket.destroy();
    return 'answered';
  };

const lose =
  (share: number): Blow =>
  () =>
    Math.random() < share ? 'answer lost' : 'passed on';

describeBuckets(['mongo', 'tools'], 'a bucket', (kind) => {
  it.each<[string, Blow, boolean]>([
    ['refuses everything (403)', refuse(403, 1), false],
    ['fails always (500)', refuse(500, 1), false],
    ['cuts every connection', cut(1), false],
    ['fails now and then (500)', refuse(500, 0.2), true],
    ['cuts a connection now and then', cut(0.15), true],
    ['is slow', wait, true],
    ['does what it is asked and then cuts the connection, now and then', lose(0.15), true],
  ])('that %s never shows a backup that is not whole, and loses none', async (_, blow, isBearable) => {
    const { db, service, strike } = await withBucket(kind);
    await plantShop(db);
    const before = await contentOf(db);
    const { id } = await service.createBackup();

    strike(blow);
    const made = await outcomeOf(service.createBackup());
    const verified = await outcomeOf(service.verifyBackup(id));
    strike(undefined);

    // What comes now and then is borne by trying again.
    if (!isBearable) expect([made, verified]).toEqual([expect.any(BackupError), expect.any(BackupError)]);
    else if (!(verified instanceof BackupError)) expect(verified).toMatchObject({ good: true });
    const listed = await service.listBackups();
    const ids = [id, ...(made instanceof BackupError ? [] : [made.id])];
    expect(new Map(listed.map(({ id, status }) => [id, status]))).toEqual(
      new Map(ids.map((id) => [id, 'good'])),
    );
    for (const one of ids) expect(await service.verifyBackup(one)).toMatchObject({ good: true });
    await db.dropDatabase();
    await service.restoreBackup('latest');
    expect(await contentOf(db)).toEqual(before);
  });
});

async function outcomeOf<T>(work: Promise<T>): Promise<T | BackupError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BackupError) return error;
    throw error;
  }
}

/** Backups in a bucket, with a proxy before it. */
async function withBucket(
  kind: BucketServer,
): Promise<Ground & { strike: (blow: Blow | undefined) => void }> {
  const { s3 } = await ownBucket(kind);
  const { endpoint, strike } = await bucketProxy(s3.endpoint);
  return { ...(await ground({ storage: { s3: { ...s3, endpoint } } })), strike };
}
