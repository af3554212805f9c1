import { setTimeout as sleep } from 'node:timers/promises';
import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { BackupError } from '../backup.errors.js';
import { isPassing, s3Error, unlessMissing } from './s3-errors.js';
import type { S3Options } from './s3-options.js';

export interface Sdk {
  readonly s3: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
}

/** A server that doesn't answer must not hold a backup until its deadline. */
const CONNECT_MS = 10_000;
const IDLE_MS = 120_000;
/** For so long an outage is borne by what has sent a good part already; then it had better be begun anew, later. */
const OUTAGE_MS = 10 * 60_000;
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/** The way to one bucket: the SDK, loaded when it is first needed, with our errors. */
export class S3Connection {
  readonly location: string;
  readonly prefix: string;
  /** Private to the language, so that nobody sees the credentials by looking at this. */
  readonly #options: S3Options;
  #sdk: Promise<Sdk> | undefined;

  constructor(options: S3Options) {
    this.#options = options;
    this.prefix = `${options.prefix ?? 'backups'}/`;
    this.location = `s3://${options.bucket}/${options.prefix ?? 'backups'}`;
  }

  get bucket(): { Bucket: string } {
    return { Bucket: this.#options.bucket };
  }

  get partBytes(): number | undefined {
    return this.#options.partBytes;
  }

  /** An object, by its name without the prefix. */
  target(name: string): { Bucket: string; Key: string } {
    return { ...this.bucket, Key: this.prefix + name };
  }

  /** How what is stored is to be kept. */
  kept() {
    const { serverSideEncryption, kmsKeyId, storageClass } = this.#options;
    return {
      ...(serverSideEncryption ? { ServerSideEncryption: serverSideEncryption } : {}),
      ...(kmsKeyId ? { SSEKMSKeyId: kmsKeyId } : {}),
      ...(storageClass ? { StorageClass: storageClass as 'STANDARD_IA' } : {}),
    };
  }

  /** What is told about an object; undefined when there is none of that name. */
  async head({ s3, client }: Sdk, name: string): Promise<HeadObjectCommandOutput | undefined> {
    const input = { ...this.target(name), ChecksumMode: 'ENABLED' } as const;
    return client.send(new s3.HeadObjectCommand(input)).catch(unlessMissing);
  }

  /**
   * @param until given where much work would be lost: tries again while the bucket is out of reach, until it is aborted
   * @throws BackupError, or the reason of the signal
   */
  async ask<T>(work: (sdk: Sdk) => Promise<T>, until?: AbortSignal): Promise<T> {
    try {
      const sdk = await (this.#sdk ??= loadSdk(this.#options));
      return await (until ? patiently(() => work(sdk), until) : work(sdk));
    } catch (error) {
      until?.throwIfAborted();
      throw s3Error(error, this.location);
    }
  }
}

async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  let givenUp: number | undefined;
  for (let pause = PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS))
    try {
      return await work();
    } catch (error) {
      givenUp ??= performance.now() + OUTAGE_MS;
      if (!isPassing(error) || signal.aborted || performance.now() > givenUp) throw error;
      await sleep(pause, undefined, { signal });
    }
}

async function loadSdk(options: S3Options): Promise<Sdk> {
  const { region, endpoint, credentials } = options;
  const s3 = await import('@aws-sdk/client-s3').catch((error: unknown) => {
    throw new BackupError('STORAGE_UNUSABLE', {
      problem: 'The client library for S3 is not installed',
      advice: 'npm install @aws-sdk/client-s3',
      cause: error,
    });
  });
  const client = new s3.S3Client({
    maxAttempts: 5,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: IDLE_MS },
    forcePathStyle: options.forcePathStyle ?? endpoint !== undefined,
    ...(region || endpoint ? { region: region ?? 'us-east-1' } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(credentials ? { credentials } : {}),
  });
  return { s3, client };
}
