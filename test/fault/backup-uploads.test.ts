import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import type { BackupDraft, DraftPurpose } from '../../src/backup/storage/backup-storage.js';
import { S3Storage } from '../../src/backup/storage/s3.storage.js';
import { script } from '../integration/backup/compiled.js';
import { finally_, ground } from '../integration/backup/ground.js';
import { ownBucket } from '../integration/backup/own-bucket.js';
import { type BucketServer, describeBuckets, describeWith, tools } from '../servers/index.js';
import { type Blow, bucketProxy } from './bucket-proxy.js';

const MIB = 1024 * 1024;
const PART = 5 * MIB;
const content = randomBytes(8 * PART + 1_000);

const cut: Blow = (asked) => {
  asked.socket.destroy();
  return 'answered';
};
const refuse: Blow = (asked, response) => {
  asked.resume();
  response
    .writeHead(403, { 'content-type': 'application/xml' })
    .end('<Error><Code>AccessDenied</Code></Error>');
  return 'answered';
};

describeBuckets([], 'an upload into a bucket', (kind) => {
  it('outlives an outage, and what the bucket has is not sent again', async () => {
    const { storage, strike, sentParts, begin } = await way(kind);
    const draft = await begin('one');
    const writing = draft.write('archive', slowly(content));
    while (sentParts().length < 3) await sleep(5);
    strike(cut);
    await sleep(5_000);
    strike(undefined);
    await writing;
    await draft.commit('manifest');

    expect(await bytesIn(storage, 'one')).toSatisfy((bytes: Buffer) => bytes.equals(content));
    // Those under way when it began may have arrived without an answer.
    expect(sentParts().length).toBeLessThanOrEqual(9 + 4);
  });

  it('ends with its content, also in an outage, and leaves nothing', async () => {
    const { strike, names, uploads, begin } = await way(kind);
    const draft = await begin('one');
    const source = slowly(content);
    const writing = draft.write('archive', source);
    const outcome = writing.catch((error: unknown) => error);
    await sleep(200);
    strike(cut);
    await sleep(1_000);
    source.destroy(new Error('the backup was stopped'));
    expect(await outcome).toMatchObject({ message: 'the backup was stopped' });
    strike(undefined);
    await draft.discard();
    expect(await names()).toEqual([]);
    // The bucket could not be told: what is there is nobody's, and goes after a day.
    expect((await uploads()).length).toBeLessThanOrEqual(1);
  });

  it('ends with its signal, also in an outage and with all of its content read', async () => {
    const { strike, names, begin } = await way(kind);
    const draft = await begin('one');
    strike(cut);
    const stop = new AbortController();
    const writing = draft.write('archive', Readable.from(['few bytes']), stop.signal);
    const outcome = writing.catch((error: unknown) => error);
    await sleep(500);
    stop.abort(new Error('the backup was stopped'));
    expect(await outcome).toMatchObject({ message: 'the backup was stopped' });
    strike(undefined);
    await draft.discard();
    expect(await names()).toEqual([]);
  });

  it.each(['.draft', 'uploads', 'partNumber=2', 'uploadId', 'manifest.json'])(
    'is not confused when the answer to a request gets lost (%s)',
    async (what) => {
      const { storage, strike, names, begin } = await way(kind);
      let lost = 0;
      strike(({ url = '', method }) => {
        const isIt = method !== 'GET' && decodeURIComponent(url).includes(what) && lost++ === 0;
        return isIt ? 'answer lost' : 'passed on';
      });
      const draft = await begin('one');
      await draft.write('archive', Readable.from([content]));
      await draft.write('archive.small', Readable.from(['few bytes']));
      await draft.commit('manifest');
      expect(lost).toBeGreaterThan(0);
      expect(await bytesIn(storage, 'one')).toSatisfy((bytes: Buffer) => bytes.equals(content));
      expect((await names()).toSorted()).toEqual(['one/archive', 'one/archive.small', 'one/manifest.json']);
    },
  );

  it('that is refused after its manifest was stored leaves nothing', async () => {
    const { strike, names, begin } = await way(kind);
    const draft = await begin('one');
    await draft.write('archive', Readable.from(['bytes']));
    let isStored = false;
    strike((asked, response) => {
      if (isStored) return refuse(asked, response);
      isStored = asked.url!.includes('manifest.json');
      return 'passed on';
    });
    await expect(draft.commit('manifest')).rejects.toMatchObject({ code: 'STORAGE_UNUSABLE' });
    strike(undefined);
    await draft.discard();
    expect(await names()).toEqual([]);
  });

  it('of a copy that broke off goes on where it stopped', async () => {
    const { storage, strike, names, uploads, sentParts, begin } = await way(kind);
    const broken = await begin('one', 'copy');
    const source = slowly(content);
    const writing = broken.write('archive', source).catch((error: unknown) => error);
    while (sentParts().length < 5) await sleep(5);
    strike(cut);
    source.destroy(new Error('no more patience'));
    await writing;
    strike(undefined);
    await broken.discard();
    expect(await names()).toEqual([]);
    expect(await uploads()).toHaveLength(1);
    expect(await storage.list()).toEqual([]);

    // moto says of every upload that it began in 2010.
    if (kind !== 'moto') expect(await storage.removeLeftovers()).toEqual([]);
    const before = sentParts().length;
    const draft = await begin('one', 'copy');
    await draft.write('archive', Readable.from([content]));
    await draft.commit('manifest');

    expect(sentParts().length - before).toBeLessThanOrEqual(9 - 5);
    expect(await bytesIn(storage, 'one')).toSatisfy((bytes: Buffer) => bytes.equals(content));
    expect(await uploads()).toEqual([]);
  });

  it('of a copy takes nothing of another content, and does not mind a longer one', async () => {
    const { storage, uploads, sentParts, begin } = await way(kind);
    const before = Buffer.concat([content, randomBytes(PART)]);
    before[PART + 7]! ^= 1;
    const broken = await begin('one', 'copy');
    await expect(
      broken.write(
        'archive',
        Readable.from(
          (async function* () {
            yield before;
            while (sentParts().length < 9) await sleep(5);
            throw new Error('broken off');
          })(),
        ),
      ),
    ).rejects.toThrow('broken off');
    await broken.discard();
    expect(await uploads()).toHaveLength(1);

    const draft = await begin('one', 'copy');
    await draft.write('archive', Readable.from([content]));
    await draft.commit('manifest');
    expect(await bytesIn(storage, 'one')).toSatisfy((bytes: Buffer) => bytes.equals(content));
  });
});

// moto says of every upload that it began in 2010: it would be taken for one that nobody wants.
describeWith(['mongo', 'tools', 'versitygw'], 'a copy into a bucket', () => {
  it('whose process was killed goes on where it stopped', async () => {
    const { s3, endpoint, sentParts } = await way('versitygw');
    const storage = ['disk', { s3: { ...s3, endpoint, partBytes: PART } }] as const;
    const place = await ground({ compression: { codec: 'none' } });
    for (let number = 0; number < 40; number++)
      await place.db.collection('photos').insertOne({ number, bytes: randomBytes(MIB) });
    const { id } = await place.service.createBackup();
    const child = await script(
      `const service = await createBackupService(options);
       await service.copyBackups();`,
      { uri: place.uri, directory: place.directory, storage, tools: { directory: tools() } },
    );
    while (sentParts().length < 4) await sleep(1);
    child.process.kill('SIGKILL');
    await child.ended;
    const sent = sentParts().length;
    expect(sent).toBeLessThan(9);

    const service = await place.another({ storage });
    expect(await service.copyBackups()).toMatchObject({ copied: [{ id }], failed: [] });

    expect(sentParts().length - sent).toBeLessThanOrEqual(9 - 4);
    expect(await service.verifyBackup(id)).toMatchObject({
      good: true,
      copies: [{ status: 'good' }, { status: 'good' }],
    });
  });
});

/** A storage in a bucket, with a proxy before it. */
async function way(kind: BucketServer) {
  const { s3 } = await ownBucket(kind);
  const { endpoint, strike, answered } = await bucketProxy(s3.endpoint);
  const storage = new S3Storage({ ...s3, endpoint, partBytes: PART });
  const client = new S3Client({ ...s3, region: 'us-east-1', forcePathStyle: true });
  finally_(async () => client.destroy());
  const Bucket = s3.bucket;
  return {
    s3,
    endpoint,
    storage,
    strike,
    sentParts: () => answered.filter((request) => request.includes('partNumber=')),
    names: async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
      return Contents.map(({ Key }) => Key!.replace(/^backups\//, ''));
    },
    uploads: async () => (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [],
    begin: (id: string, purpose?: DraftPurpose): Promise<BackupDraft> => storage.begin(id, purpose),
  };
}

async function bytesIn(storage: S3Storage, id: string): Promise<Buffer> {
  return Buffer.concat(await (await (await storage.open(id)).read('archive')).toArray());
}

/** So that an upload has a middle. */
function slowly(bytes: Buffer): Readable {
  return Readable.from(
    (async function* () {
      for (let at = 0; at < bytes.length; at += MIB) {
        yield bytes.subarray(at, at + MIB);
        await sleep(20);
      }
    })(),
    { objectMode: false },
  );
}
