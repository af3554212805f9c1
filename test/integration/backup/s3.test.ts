import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { describeBuckets } from '../../servers/index.js';
import { contentOf, failureOf, ground, plantShop } from './ground.js';
import { ownBucket } from './own-bucket.js';

describeBuckets(['mongo', 'tools'], 'backups in a bucket', (kind) => {
  it('are made, listed, verified, restored and removed like those on disk', async () => {
    const { s3 } = await ownBucket(kind);
    const { db, service, files, another } = await ground({
      storage: { s3: { ...s3, prefix: 'shop/nightly' } },
      encryption: { keys: [{ id: 'a', key: randomBytes(32) }] },
    });
    await plantShop(db);
    const before = await contentOf(db);

    const backup = await service.createBackup();
    expect(backup).toMatchObject({
      status: 'good',
      location: `s3://${s3.bucket}/shop/nightly/${backup.id}`,
    });
    expect(await service.listBackups()).toEqual([backup]);
    expect(await service.verifyBackup(backup.id)).toMatchObject({ good: true, documents: 2_500 });
    await db.dropDatabase();
    await service.restoreBackup('latest');
    expect(await contentOf(db)).toEqual(before);

    const other = await another();
    expect(await failureOf(other.createBackup({ signal: AbortSignal.timeout(30) }))).toMatchObject({
      code: 'ABORTED',
    });
    expect(await other.listBackups()).toHaveLength(1);
    await service.deleteBackup(backup.id);
    expect(await service.listBackups()).toEqual([]);
    expect(await files()).toEqual([]);
  });
});
