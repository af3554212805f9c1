import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { describeWith, startOwnS3 } from '../../servers/index.js';
import { contentOf, failureOf, finally_, ground, plantShop } from './ground.js';

describeWith(['mongo', 'tools', 's3'], 'backups in a bucket', () => {
  it('are made, listed, verified, restored and removed like those on disk', async () => {
    const server = await startOwnS3();
    finally_(() => server.stop());
    const credentials = { accessKeyId: 'flora', secretAccessKey: 'secret' };
    const bucket = `flora-${randomBytes(6).toString('hex')}`;
    const client = new S3Client({
      endpoint: server.url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials,
    });
    finally_(async () => client.destroy());
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    const { db, service, files, another } = await ground({
      storage: { s3: { bucket, prefix: 'shop/nightly', endpoint: server.url, credentials } },
      encryption: { keys: [{ id: 'a', key: randomBytes(32) }] },
    });
    await plantShop(db);
    const before = await contentOf(db);

    const backup = await service.createBackup();
    expect(backup).toMatchObject({
      status: 'good',
      location: `s3://${bucket}/shop/nightly/${backup.id}`,
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
