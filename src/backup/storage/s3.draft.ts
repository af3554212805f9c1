import type { Readable } from 'node:stream';
import { BackupError } from '../backup.errors.js';
import { MANIFEST_NAME } from '../manifest.js';
import { BackupDraft, type DraftPurpose, StoredBackup } from './backup-storage.js';
import { damaged, manifestText } from './manifest-text.js';
import type { S3Bucket } from './s3-bucket.js';

/** How often a draft says that it is alive, to those who can't look at its process. */
const HEARTBEAT_MS = 60_000;
/** In a backup's place: it is no backup any more. Anyone may finish removing it. */
export const DELETED = '.deleted';

/** Objects under the backup's own prefix, without a manifest until all of them are there. */
export class S3Draft extends BackupDraft {
  private readonly heartbeat: NodeJS.Timeout;
  /** In the order in which they may be removed. */
  private readonly written: string[] = [];

  /** @param mark made already: says whose this is */
  constructor(
    private readonly bucket: S3Bucket,
    private readonly id: string,
    private readonly mark: string,
    private readonly purpose: DraftPurpose,
  ) {
    super();
    this.heartbeat = setInterval(() => void bucket.touch(mark).catch(() => undefined), HEARTBEAT_MS).unref();
  }

  async write(name: string, content: Readable, signal?: AbortSignal): Promise<void> {
    await this.bucket.upload(`${this.id}/${name}`, content, this.purpose === 'copy', signal);
    this.written.push(`${this.id}/${name}`);
  }

  async commit(text: string, signal: AbortSignal = new AbortController().signal): Promise<StoredBackup> {
    const manifest = `${this.id}/${MANIFEST_NAME}`;
    // It may be there also when every answer was lost.
    this.written.unshift(manifest);
    if (!(await this.bucket.putNew(manifest, text, signal))) {
      this.written.shift();
      throw this.lost();
    }
    // Who took this process for dead has removed the mark with all the rest, or is about to.
    const names = new Set((await this.bucket.list(`${this.id}/`, signal)).map(({ name }) => name));
    const isWhole = [this.mark, ...this.written].every((name) => names.has(name));
    if (!isWhole || names.has(`${this.id}/${DELETED}`)) {
      await this.bucket.remove([manifest]);
      throw this.lost();
    }
    clearInterval(this.heartbeat);
    await this.bucket.remove([this.mark]).catch(() => undefined);
    return new S3StoredBackup(this.bucket, this.id);
  }

  async discard(): Promise<void> {
    clearInterval(this.heartbeat);
    await this.bucket.remove([...this.written, this.mark]);
  }

  private lost(): BackupError {
    return new BackupError('STORAGE_UNUSABLE', {
      problem: `Another process has taken the place of the backup at ${this.bucket.location}/${this.id}`,
    });
  }
}

export class S3StoredBackup extends StoredBackup {
  readonly location: string;

  constructor(
    private readonly bucket: S3Bucket,
    private readonly id: string,
  ) {
    super();
    this.location = `${bucket.location}/${id}`;
  }

  async manifest(): Promise<string | undefined> {
    const found = await this.bucket.read(`${this.id}/${MANIFEST_NAME}`);
    return found && manifestText(this, found.bytes, found.content);
  }

  async size(name: string): Promise<number | undefined> {
    return this.bucket.size(`${this.id}/${name}`);
  }

  async read(name: string): Promise<Readable> {
    const found = await this.bucket.read(`${this.id}/${name}`);
    if (!found) throw damaged(this, `it has no ${name}`);
    return found.content;
  }
}
