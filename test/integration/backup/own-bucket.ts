import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type BucketServer, startOwnS3 } from '../../servers/index.js';
import { finally_ } from './ground.js';

/** An empty bucket on a server of its own, gone after the test; `s3` is what the option `storage` takes. */
export async function ownBucket(of?: BucketServer) {
  const server = await startOwnS3(of);
  finally_(() => server.stop());
  const where = { endpoint: server.url, credentials: server.credentials };
  const bucket = `flora-${randomBytes(6).toString('hex')}`;
  const client = new S3Client({ ...where, region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { s3: { bucket, ...where }, stop: () => server.stop() };
}
