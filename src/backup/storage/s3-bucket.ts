import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { BackupError } from '../backup.errors.js';
import { isMissing, isTaken, s3Error } from './s3-errors.js';
import type { S3Options } from './s3-options.js';

export interface S3Object {
  /** Without the bucket's prefix. */
  readonly name: string;
  readonly bytes: number;
  readonly changed: Date;
}

const PART_BYTES = 16 * 1024 * 1024;
const AT_ONCE = 4;
/** What a mark holds: the SDK has doubts about nothing at all. */
export const MARK = '-';
/** How often a download is taken up again where it broke off. */
const RESUMES = 5;

/** What is asked of a bucket, in our words and with our errors. The SDK is loaded when it is first needed. */
export class S3Bucket {
  readonly location: string;
  private readonly prefix: string;
  /** Private to the language, so that nobody sees the credentials by looking at this. */
  readonly #options: S3Options;
  #sdk: Promise<Sdk> | undefined;

  constructor(options: S3Options) {
    this.#options = options;
    this.prefix = `${options.prefix ?? 'backups'}/`;
    this.location = `s3://${options.bucket}/${options.prefix ?? 'backups'}`;
  }

  /** All objects whose names begin so. */
  async list(begin = ''): Promise<S3Object[]> {
    return this.ask(async ({ s3, client }) => {
      const found: S3Object[] = [];
      const input = { Bucket: this.#options.bucket, Prefix: this.prefix + begin };
      for await (const page of s3.paginateListObjectsV2({ client }, input))
        for (const { Key = '', Size = 0, LastModified = new Date(0) } of page.Contents ?? [])
          found.push({ name: Key.slice(this.prefix.length), bytes: Size, changed: LastModified });
      return found;
    });
  }

  /** Stores a small object. @returns false when there is one of that name, which stays as it is */
  async putNew(name: string, body: string): Promise<boolean> {
    return this.ask(async ({ s3, client }) => {
      const input = { ...this.target(name), ...this.kept(), Body: body, IfNoneMatch: '*' };
      return client.send(new s3.PutObjectCommand(input)).then(
        () => true,
        (error: unknown) => {
          if (isTaken(error)) return false;
          throw error;
        },
      );
    });
  }

  async touch(name: string): Promise<void> {
    await this.ask(({ s3, client }) =>
      client.send(new s3.PutObjectCommand({ ...this.target(name), Body: MARK })),
    );
  }

  /** Stores what a stream brings, in parts; what of it was sent is taken back when it fails. */
  async upload(name: string, content: Readable): Promise<void> {
    // What the content itself fails with is not the storage's.
    let broken: { error: unknown } | undefined;
    content.once('error', (error) => (broken = { error }));
    await this.ask(async ({ lib, client }) => {
      const upload = new lib.Upload({
        client,
        params: { ...this.target(name), ...this.kept(), Body: content, IfNoneMatch: '*' },
        partSize: this.#options.partBytes ?? PART_BYTES,
        queueSize: AT_ONCE,
      });
      try {
        await upload.done();
      } catch (error) {
        content.destroy();
        if (!isTaken(error)) throw error;
        throw new BackupError('STORAGE_UNUSABLE', {
          problem: `Something is already at ${this.location}/${name}`,
        });
      }
    }).catch((error: unknown) => {
      throw broken ? broken.error : error;
    });
  }

  /** Undefined when there is none of that name. */
  async size(name: string): Promise<number | undefined> {
    return this.ask(async ({ s3, client }) => {
      const found = await client.send(new s3.HeadObjectCommand(this.target(name))).catch(unlessMissing);
      return found && (found.ContentLength ?? 0);
    });
  }

  /** Its bytes, taken up again where the connection breaks; undefined when there is none of that name. */
  async read(name: string): Promise<Readable | undefined> {
    const size = await this.size(name);
    if (size === undefined) return undefined;
    return Readable.from(size === 0 ? [] : this.bytes(name, size), { objectMode: false });
  }

  async remove(names: readonly string[]): Promise<void> {
    await this.ask(async ({ s3, client }) => {
      for (const name of names) await client.send(new s3.DeleteObjectCommand(this.target(name)));
    });
  }

  /** Ends uploads that nobody will complete. */
  async abortUploads(begin: string): Promise<void> {
    await this.ask(async ({ s3, client }) => {
      const { bucket: Bucket } = this.#options;
      const { Uploads = [] } = await client.send(
        new s3.ListMultipartUploadsCommand({ Bucket, Prefix: this.prefix + begin }),
      );
      for (const { Key, UploadId } of Uploads)
        await client.send(new s3.AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(unlessMissing);
    });
  }

  private async *bytes(name: string, size: number): AsyncGenerator<Buffer> {
    let at = 0;
    for (let attempt = 0; at < size; attempt++) {
      try {
        const body = await this.ask(async ({ s3, client }) => {
          const input = { ...this.target(name), Range: `bytes=${at}-${size - 1}` };
          return (await client.send(new s3.GetObjectCommand(input))).Body as Readable;
        });
        for await (const chunk of body) {
          at += (chunk as Buffer).length;
          yield chunk as Buffer;
        }
        if (at < size) throw new Error('the answer was cut off');
      } catch (error) {
        if (attempt >= RESUMES || error instanceof BackupError) throw s3Error(error, this.location);
      }
    }
  }

  private target(name: string) {
    return { Bucket: this.#options.bucket, Key: this.prefix + name };
  }

  private kept() {
    const { serverSideEncryption, kmsKeyId, storageClass } = this.#options;
    return {
      ...(serverSideEncryption ? { ServerSideEncryption: serverSideEncryption } : {}),
      ...(kmsKeyId ? { SSEKMSKeyId: kmsKeyId } : {}),
      ...(storageClass ? { StorageClass: storageClass as 'STANDARD_IA' } : {}),
    };
  }

  private async ask<T>(work: (sdk: Sdk) => Promise<T>): Promise<T> {
    try {
      return await work(await (this.#sdk ??= loadSdk(this.#options)));
    } catch (error) {
      throw s3Error(error, this.location);
    }
  }
}

interface Sdk {
  readonly s3: typeof import('@aws-sdk/client-s3');
  readonly lib: typeof import('@aws-sdk/lib-storage');
  readonly client: S3Client;
}

async function loadSdk(options: S3Options): Promise<Sdk> {
  const { region, endpoint, credentials } = options;
  const [s3, lib] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/lib-storage')]).catch(
    (error: unknown) => {
      throw new BackupError('STORAGE_UNUSABLE', {
        problem: 'The client library for S3 is not installed',
        advice: 'npm install @aws-sdk/client-s3 @aws-sdk/lib-storage',
        cause: error,
      });
    },
  );
  const client = new s3.S3Client({
    maxAttempts: 5,
    forcePathStyle: options.forcePathStyle ?? endpoint !== undefined,
    ...(region || endpoint ? { region: region ?? 'us-east-1' } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(credentials ? { credentials } : {}),
  });
  return { s3, lib, client };
}

function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
