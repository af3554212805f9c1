import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ListMultipartUploadsCommandInput } from '@aws-sdk/client-s3';
import { BackupError } from '../backup.errors.js';
import { S3Connection } from './s3-connection.js';
import { isTaken, s3Error, unlessMissing } from './s3-errors.js';
import type { S3Options } from './s3-options.js';
import { S3Upload } from './s3-upload.js';

export interface S3Object {
  /** Without the bucket's prefix. */
  readonly name: string;
  readonly changed: Date;
}

/** An upload in parts that was begun and neither completed nor ended. */
export interface UnfinishedUpload {
  readonly name: string;
  readonly id: string;
  readonly begun: Date;
}

/** What a mark holds: the SDK has doubts about nothing at all. */
export const MARK = '-';
/** How often a download is taken up again where it broke off. */
const RESUMES = 5;

/** What is asked of a bucket, in our words and with our errors. */
export class S3Bucket {
  readonly location: string;
  private readonly connection: S3Connection;

  constructor(options: S3Options) {
    this.connection = new S3Connection(options);
    this.location = this.connection.location;
  }

  /**
   * All objects whose names begin so.
   *
   * @param until waits for a bucket that is out of reach, until this is aborted
   */
  async list(begin = '', until?: AbortSignal): Promise<S3Object[]> {
    const { prefix, bucket } = this.connection;
    return this.connection.ask(async ({ s3, client }) => {
      const found: S3Object[] = [];
      for await (const page of s3.paginateListObjectsV2({ client }, { ...bucket, Prefix: prefix + begin }))
        for (const { Key = '', LastModified = new Date(0) } of page.Contents ?? [])
          found.push({ name: Key.slice(prefix.length), changed: LastModified });
      return found;
    }, until);
  }

  /**
   * Stores a small object.
   *
   * @param until waits for a bucket that is out of reach, until this is aborted
   * @returns false when there is one of that name, which stays as it is
   */
  async putNew(name: string, body: string, until?: AbortSignal): Promise<boolean> {
    // A request whose answer got lost is made again, and then finds what it stored itself.
    const token = randomUUID();
    const target = this.connection.target(name);
    const input = { ...target, ...this.connection.kept(), Body: body, Metadata: { token }, IfNoneMatch: '*' };
    return this.connection.ask(async (sdk) => {
      try {
        await sdk.client.send(new sdk.s3.PutObjectCommand(input));
        return true;
      } catch (error) {
        if (!isTaken(error)) throw error;
        const found = await this.connection.head(sdk, name);
        return found?.Metadata?.['token'] === token;
      }
    }, until);
  }

  async touch(name: string): Promise<void> {
    await this.connection.ask(({ s3, client }) =>
      client.send(new s3.PutObjectCommand({ ...this.connection.target(name), Body: MARK })),
    );
  }

  /**
   * Stores what a stream brings, in parts.
   *
   * @param resume goes on with an upload of the same name that broke off, and leaves this one to be gone on with
   */
  async upload(name: string, content: Readable, resume: boolean, signal?: AbortSignal): Promise<void> {
    await new S3Upload(this.connection, name, resume).run(content, signal);
  }

  /** Undefined when there is none of that name. */
  async size(name: string): Promise<number | undefined> {
    const found = await this.connection.ask((sdk) => this.connection.head(sdk, name));
    return found && (found.ContentLength ?? 0);
  }

  /** Its bytes, taken up again where the connection breaks; undefined when there is none of that name. */
  async read(name: string): Promise<{ bytes: number; content: Readable } | undefined> {
    const first = await this.connection.ask(({ s3, client }) =>
      client.send(new s3.GetObjectCommand(this.connection.target(name))).catch(unlessMissing),
    );
    if (!first) return undefined;
    const body = first.Body as Readable;
    const bytes = first.ContentLength ?? 0;
    const content = Readable.from(this.bytes(name, bytes, body), { objectMode: false });
    // Also when nobody has begun to read.
    content.once('close', () => body.destroy());
    return { bytes, content };
  }

  async remove(names: readonly string[]): Promise<void> {
    await this.connection.ask(async ({ s3, client }) => {
      for (const name of names) await client.send(new s3.DeleteObjectCommand(this.connection.target(name)));
    });
  }

  /** Uploads that nobody has ended, of objects whose names begin so. */
  async uploads(begin = ''): Promise<UnfinishedUpload[]> {
    const { prefix, bucket } = this.connection;
    return this.connection.ask(async ({ s3, client }) => {
      const found: UnfinishedUpload[] = [];
      let after: Pick<ListMultipartUploadsCommandInput, 'KeyMarker' | 'UploadIdMarker'> = {};
      for (;;) {
        const input: ListMultipartUploadsCommandInput = { ...bucket, Prefix: prefix + begin, ...after };
        const page = await client.send(new s3.ListMultipartUploadsCommand(input));
        for (const { Key = '', UploadId = '', Initiated = new Date(0) } of page.Uploads ?? [])
          found.push({ name: Key.slice(prefix.length), id: UploadId, begun: Initiated });
        if (!page.IsTruncated || !page.NextKeyMarker) return found;
        after = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      }
    });
  }

  async abort(uploads: readonly UnfinishedUpload[]): Promise<void> {
    await this.connection.ask(async ({ s3, client }) => {
      for (const { name, id } of uploads) {
        const input = { ...this.connection.target(name), UploadId: id };
        await client.send(new s3.AbortMultipartUploadCommand(input)).catch(unlessMissing);
      }
    });
  }

  private async *bytes(name: string, size: number, first: Readable): AsyncGenerator<Buffer> {
    let at = 0;
    for (let attempt = 0; at < size; attempt++) {
      try {
        for await (const chunk of attempt === 0 ? first : await this.from(name, at, size)) {
          at += (chunk as Buffer).length;
          yield chunk as Buffer;
        }
        if (at < size) throw new Error('the answer was cut off');
      } catch (error) {
        if (attempt >= RESUMES || error instanceof BackupError) throw s3Error(error, this.location);
      }
    }
  }

  private async from(name: string, at: number, size: number): Promise<Readable> {
    const input = { ...this.connection.target(name), Range: `bytes=${at}-${size - 1}` };
    return this.connection.ask(
      async ({ s3, client }) => (await client.send(new s3.GetObjectCommand(input))).Body as Readable,
    );
  }
}
