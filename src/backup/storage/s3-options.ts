import { shown } from '../../errors.js';
import { invalidOption } from '../backup.errors.js';

/** Backups in a bucket of S3, or of a server that speaks its language. Needs `@aws-sdk/client-s3` and `@aws-sdk/lib-storage`. */
export interface S3Options {
  bucket: string;
  /** What all keys begin with. @default 'backups' */
  prefix?: string | undefined;
  /** @default what the SDK finds: AWS_REGION, its profile */
  region?: string | undefined;
  /** Of a server other than Amazon's, such as `https://minio.example:9000`. */
  endpoint?: string | undefined;
  /** The bucket in the path instead of the host name, as most other servers want it. @default true with `endpoint` */
  forcePathStyle?: boolean | undefined;
  /** @default what the SDK finds: variables, profile, role of the machine */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined;
  /** How the server encrypts what it keeps. @default as the bucket is set */
  serverSideEncryption?: 'AES256' | 'aws:kms' | undefined;
  /** The key for `'aws:kms'`. */
  kmsKeyId?: string | undefined;
  /** Such as `'STANDARD_IA'`. Not one from which reading takes hours. */
  storageClass?: string | undefined;
  /** Bytes of a part; at most 10,000 parts make an archive, and four are in memory. At least 5 MiB. @default 16 MiB: archives up to 156 GiB */
  partBytes?: number | undefined;
}

const KNOWN = [
  'bucket',
  'prefix',
  'region',
  'endpoint',
  'forcePathStyle',
  'credentials',
  'serverSideEncryption',
  'kmsKeyId',
  'storageClass',
  'partBytes',
] as const satisfies (keyof S3Options)[];

const LEAST_PART = 5 * 1024 * 1024;

/** Without anything of the credentials. @throws BackupError INVALID_OPTIONS */
export function checkS3Options(options: S3Options): S3Options {
  if (typeof options !== 'object' || options === null)
    throw invalidOption(`storage.s3 is ${shown(options)}`, `an object with ${KNOWN.join(', ')}`);
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name as 'bucket'));
  if (unknown !== undefined)
    throw invalidOption(`The option storage.s3.${unknown} is not known`, `one of ${KNOWN.join(', ')}`);
  const { bucket, prefix = 'backups', partBytes = LEAST_PART } = options;
  if (typeof bucket !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._:/-]{1,254}$/.test(bucket))
    throw invalidOption(`storage.s3.bucket is ${shown(bucket)}`, 'the name of a bucket');
  if (typeof prefix !== 'string' || !/^[^/](.*[^/])?$/.test(prefix) || prefix.includes('\0'))
    throw invalidOption(
      `storage.s3.prefix is ${shown(prefix)}`,
      'a text that neither begins nor ends with /',
    );
  if (!Number.isSafeInteger(partBytes) || partBytes < LEAST_PART || partBytes > 2 ** 30)
    throw invalidOption(`storage.s3.partBytes is ${shown(partBytes)}`, 'a whole number from 5 MiB to 1 GiB');
  return options;
}
