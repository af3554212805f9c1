import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ownerMark } from '../../src/backup/process-owner.js';
import { S3Storage } from '../../src/backup/storage/s3.storage.js';
import { describeBuckets, startOwnS3 } from '../servers/index.js';
import type { S3Server } from '../servers/s3.js';
import { backupStorageContract, bytesOf } from './backup-storage.js';

const MIB = 1024 * 1024;

describeBuckets([], 'backups in a bucket', (kind) => {
  let server: S3Server;
  let client: S3Client;
  let bucket: string;
  let storage: S3Storage;
  const make = (): S3Storage =>
    new S3Storage({ bucket, endpoint: server.url, credentials: server.credentials, partBytes: 5 * MIB });
  const names = async (): Promise<string[]> => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key }) => Key!.replace(/^backups\//, ''));
  };
  const put = (name: string): Promise<unknown> =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key: `backups/${name}`, Body: 'x' }));

  beforeAll(async () => {
    server = await startOwnS3(kind);
    const { url: endpoint, credentials } = server;
    client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });
  beforeEach(async () => {
    bucket = `flora-${randomBytes(6).toString('hex')}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    storage = make();
  });

  backupStorageContract(async () => ({ storage, again: make }), kind !== 'moto');

  it('are uploaded in parts, and nothing stays of an upload that fails', async () => {
    const content = randomBytes(17 * MIB);
    const draft = await storage.begin('one');
    await draft.write('archive', Readable.from([content.subarray(0, 9 * MIB), content.subarray(9 * MIB)]));
    const stored = await draft.commit('manifest');
    expect((await bytesOf(await stored.read('archive'))).equals(content)).toBe(true);

    const broken = await storage.begin('two');
    const half = Readable.from(
      (async function* () {
        yield content.subarray(0, 12 * MIB);
        throw new Error('the dump failed');
      })(),
    );
    await expect(broken.write('archive', half)).rejects.toThrow('the dump failed');
    await broken.discard();
    expect((await names()).toSorted()).toEqual(['one/archive', 'one/manifest.json']);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
  });

  it('that were being made or deleted by processes that are dead are removed, and nothing else', async () => {
    const [machine] = ownerMark().split('-');
    for (const name of [
      `dead/.draft~${machine}-4194304-1`,
      'dead/archive.gz',
      'deleted/.deleted',
      'deleted/manifest.json',
      'deleted/archive',
      'living/.draft~ffffffff-1-1',
      'living/archive',
      `both/.draft~${machine}-4194304-1`,
      'both/.copy~ffffffff-1-1',
      'both/archive',
      'foreign/notes.txt',
      'beside.txt',
    ])
      await put(name);

    expect((await storage.list()).toSorted()).toEqual(['beside.txt', 'foreign']);
    expect((await storage.removeLeftovers()).toSorted()).toEqual(['both', 'dead', 'deleted']);
    expect((await names()).toSorted()).toEqual([
      'beside.txt',
      'both/.copy~ffffffff-1-1',
      'both/archive',
      'foreign/notes.txt',
      'living/.draft~ffffffff-1-1',
      'living/archive',
    ]);
    await expect(storage.open('beside.txt')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
  });

  it("that nobody goes on with are removed after a day, and nobody else's", async () => {
    for (const name of ['one/archive', 'living/archive', 'one/else'])
      await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: `backups/${name}` }));
    await put('living/.copy~ffffffff-1-1');

    // moto says of every upload that it began in 2010.
    const gone = kind === 'moto' ? ['one/archive'] : [];
    expect(await storage.removeLeftovers()).toEqual(gone);

    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    const left = ['living/archive', 'one/archive', 'one/else'].filter((name) => !gone.includes(name));
    expect(Uploads.map(({ Key }) => Key!.slice('backups/'.length)).toSorted()).toEqual(left);
  });

  it('can not be committed once they were given up', async () => {
    const draft = await storage.begin('one');
    await draft.write('archive', Readable.from(['bytes']));
    const bare = make();
    await (bare as unknown as { empty(id: string): Promise<void> }).empty('one');
    await expect(draft.commit('manifest')).rejects.toMatchObject({ code: 'STORAGE_UNUSABLE' });
    expect(await names()).toEqual([]);
  });

  it('are a typed error without any secret where there is no such bucket, or no server', async () => {
    const { credentials } = server;
    for (const other of [
      new S3Storage({ bucket: 'flora-nowhere', endpoint: server.url, credentials }),
      new S3Storage({ bucket, endpoint: 'http://127.0.0.1:1', credentials }),
    ]) {
      const failure = await other.list().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'STORAGE_UNUSABLE' });
      expect(inspect([failure, other], { depth: 12, showHidden: true })).not.toContain(
        credentials.secretAccessKey,
      );
    }
  });
});
