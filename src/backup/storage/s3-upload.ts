import { createHash, randomUUID } from 'node:crypto';
import { finished, type Readable } from 'node:stream';
import type { ListPartsCommandInput, Part } from '@aws-sdk/client-s3';
import { BackupError } from '../backup.errors.js';
import type { S3Connection } from './s3-connection.js';
import { isMissing, isTaken } from './s3-errors.js';
import { isMadeOf, isSame, type Piece, pieces, type SentPart } from './s3-parts.js';

const PART_BYTES = 16 * 1024 * 1024;
const MOST_PARTS = 10_000;
const AT_ONCE = 4;
const ChecksumAlgorithm = 'SHA256' as const;

/**
 * Stores one object in parts, each checked by its sha256 on the other side. While the bucket is out of reach the parts
 * under way wait and are sent again; those it has are not.
 *
 * What broke off for good is gone on with by sending the whole content once more: it is compared, part by part, with
 * what the bucket has, and only what is lacking goes over the network.
 */
export class S3Upload {
  private readonly token = randomUUID();
  /** Of the first failure, which ends everything else. */
  private readonly over = new AbortController();
  private readonly sent: SentPart[] = [];
  private bytes = 0;

  constructor(
    private readonly connection: S3Connection,
    private readonly name: string,
    private readonly resume: boolean,
  ) {}

  /** @throws BackupError, or what the content fails with */
  async run(content: Readable, stop?: AbortSignal): Promise<void> {
    const { signal } = this.over;
    const end = (): void => this.over.abort(stop?.reason);
    stop?.addEventListener('abort', end);
    if (stop?.aborted) end();
    // Also when nobody reads it at the moment, because all parts wait for the bucket.
    finished(content, { writable: false }, (error) => error && this.over.abort(error));
    let upload: Upload | undefined;
    try {
      const under = new Set<Promise<void>>();
      for await (const piece of pieces(content, this.connection.partBytes ?? PART_BYTES)) {
        this.bytes += piece.bytes.length;
        if (piece.number === 1 && piece.isLast) return await this.putWhole(piece.bytes);
        if (piece.number > MOST_PARTS) throw tooManyParts(this.connection.location);
        upload ??= await this.begin();
        const sending: Promise<void> = this.send(upload, piece)
          .catch((error: unknown) => this.over.abort(error))
          .finally(() => under.delete(sending));
        under.add(sending);
        if (under.size >= AT_ONCE) await Promise.race(under);
        signal.throwIfAborted();
      }
      await Promise.all(under);
      signal.throwIfAborted();
      await this.complete(upload!);
    } catch (error) {
      this.over.abort(error);
      content.destroy();
      if (upload && !this.resume) await this.abort(upload).catch(() => undefined);
      throw signal.reason;
    } finally {
      stop?.removeEventListener('abort', end);
    }
  }

  private async putWhole(bytes: Buffer): Promise<void> {
    await this.connection.ask(async ({ s3, client }) => {
      const input = { ...this.target, ...this.connection.kept(), ...this.marked, Body: bytes };
      const put = new s3.PutObjectCommand({ ...input, ContentLength: bytes.length, IfNoneMatch: '*' });
      await client.send(put, this.sending).catch((error: unknown) => this.unlessOurs(error));
    }, this.over.signal);
  }

  private async begin(): Promise<Upload> {
    const found = this.resume ? await this.unfinished() : undefined;
    if (found) return found;
    return this.connection.ask(async ({ s3, client }) => {
      const input = { ...this.target, ...this.connection.kept(), ...this.marked, ChecksumAlgorithm };
      const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(input), this.sending);
      return { UploadId: UploadId!, parts: new Map(), isOwn: true };
    }, this.over.signal);
  }

  /** The newest upload of this object that broke off, and what the bucket has of it. */
  private async unfinished(): Promise<Upload | undefined> {
    return this.connection.ask(async ({ s3, client }) => {
      const { Bucket, Key } = this.target;
      const listed = await client.send(
        new s3.ListMultipartUploadsCommand({ Bucket, Prefix: Key }),
        this.sending,
      );
      const found = (listed.Uploads ?? [])
        .filter(
          (upload) =>
            upload.Key === Key && (upload.ChecksumAlgorithm ?? ChecksumAlgorithm) === ChecksumAlgorithm,
        )
        .toSorted((a, b) => Number(a.Initiated ?? 0) - Number(b.Initiated ?? 0))
        .at(-1);
      if (!found?.UploadId) return undefined;
      const { UploadId } = found;
      const parts = new Map<number, Part>();
      // The SDK's own paging goes by the marker, which some servers give with the last page too.
      for (let PartNumberMarker: string | undefined = '0'; PartNumberMarker !== undefined;) {
        const input: ListPartsCommandInput = { ...this.target, UploadId, PartNumberMarker };
        const page = await client.send(new s3.ListPartsCommand(input), this.sending);
        for (const part of page.Parts ?? []) parts.set(part.PartNumber!, part);
        PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
      }
      return { UploadId, parts, isOwn: false };
    }, this.over.signal);
  }

  private async send({ UploadId, parts }: Upload, { number, bytes }: Piece): Promise<void> {
    const ChecksumSHA256 = createHash('sha256').update(bytes).digest('base64');
    const here = parts.get(number);
    const ETag =
      here && isSame(here, bytes, ChecksumSHA256)
        ? here.ETag
        : await this.connection.ask(async ({ s3, client }) => {
            const input = { ...this.target, UploadId, PartNumber: number, Body: bytes, ChecksumSHA256 };
            return (await client.send(new s3.UploadPartCommand(input), this.sending)).ETag;
          }, this.over.signal);
    this.sent.push({ PartNumber: number, ETag, ChecksumSHA256 });
  }

  private async complete({ UploadId, isOwn }: Upload): Promise<void> {
    const Parts = this.sent.toSorted((a, b) => a.PartNumber - b.PartNumber);
    await this.connection.ask(async ({ s3, client }) => {
      const input = { ...this.target, UploadId, MultipartUpload: { Parts }, IfNoneMatch: '*' };
      await client
        .send(new s3.CompleteMultipartUploadCommand(input), this.sending)
        .catch((error: unknown) => this.unlessOurs(error, isOwn ? undefined : Parts));
    }, this.over.signal);
  }

  private async abort({ UploadId }: Upload): Promise<void> {
    await this.connection.ask(({ s3, client }) =>
      client.send(new s3.AbortMultipartUploadCommand({ ...this.target, UploadId })),
    );
  }

  /**
   * A request whose answer got lost is made again, and then finds what it made itself.
   *
   * @param parts of an upload that an earlier process began: its token isn't known
   */
  private async unlessOurs(error: unknown, parts?: readonly SentPart[]): Promise<void> {
    if (!isTaken(error) && !isMissing(error)) throw error;
    const found = await this.connection.ask((sdk) => this.connection.head(sdk, this.name));
    const isOurs = parts ? isMadeOf(found, parts, this.bytes) : found?.Metadata?.['token'] === this.token;
    if (isOurs) return;
    throw new BackupError('STORAGE_UNUSABLE', {
      problem: found
        ? `Something is already at ${this.connection.location}/${this.name}`
        : `Another process has ended the upload of ${this.connection.location}/${this.name}`,
    });
  }

  private get target() {
    return this.connection.target(this.name);
  }

  private get marked() {
    return { Metadata: { token: this.token } };
  }

  private get sending() {
    return { abortSignal: this.over.signal };
  }
}

interface Upload {
  readonly UploadId: string;
  /** What was sent of it before. */
  readonly parts: ReadonlyMap<number, Part>;
  /** Begun by this process. */
  readonly isOwn: boolean;
}

function tooManyParts(location: string): BackupError {
  return new BackupError('STORAGE_UNUSABLE', {
    problem: `The archive has too many parts for ${location}`,
    expected: `${MOST_PARTS} at most`,
    advice: 'raise storage.s3.partBytes',
  });
}
