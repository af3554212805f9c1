import { Transform, type TransformCallback } from 'node:stream';
import { ArchiveReader } from './archive-reader.js';
import type { ArchiveSummary } from './archive-summary.js';
import { ContentDigest } from './content-digest.js';

export interface CheckOptions {
  /** Told after every chunk. */
  readonly watch?: (reader: ArchiveReader, over: boolean) => void;
  /** Make a digest of the documents of each namespace. */
  readonly contents?: boolean | undefined;
  /** Let only the entries of its log pass, one after the other. */
  readonly onlyOplog?: boolean;
}

/** Lets an archive pass and reads it in passing. Fails at the first byte that can't be right, or at a missing end. */
export class ArchiveCheck extends Transform {
  /** What it holds; there when the stream has ended well. */
  summary: ArchiveSummary | undefined;
  private readonly reader: ArchiveReader;

  constructor(private readonly options: CheckOptions = {}) {
    super();
    this.reader = new ArchiveReader(
      () => (options.contents ? new ContentDigest() : undefined),
      options.onlyOplog ? (entry) => void this.push(Buffer.from(entry)) : undefined,
    );
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    attempt(done, () => {
      this.reader.write(chunk);
      this.options.watch?.(this.reader, false);
      return this.options.onlyOplog ? undefined : chunk;
    });
  }

  override _flush(done: TransformCallback): void {
    attempt(done, () => {
      this.summary = this.reader.end();
      this.options.watch?.(this.reader, true);
    });
  }
}

function attempt(done: TransformCallback, work: () => Buffer | void): void {
  let chunk: Buffer | void;
  try {
    chunk = work();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, chunk);
}
