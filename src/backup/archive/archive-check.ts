import { Transform, type TransformCallback } from 'node:stream';
import { ArchiveReader } from './archive-reader.js';
import type { ArchiveSummary } from './archive-summary.js';
import { ContentDigest } from './content-digest.js';

/** Lets an archive pass and reads it in passing. Fails at the first byte that can't be right, or at a missing end. */
export class ArchiveCheck extends Transform {
  /** What it holds; there when the stream has ended well. */
  summary: ArchiveSummary | undefined;
  private readonly reader: ArchiveReader;

  /**
   * @param watch told after every chunk
   * @param contents true to make a digest of the documents of each namespace
   */
  constructor(
    private readonly watch: (reader: ArchiveReader, over: boolean) => void = () => undefined,
    contents = false,
  ) {
    super();
    this.reader = new ArchiveReader(() => (contents ? new ContentDigest() : undefined));
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    attempt(done, () => {
      this.reader.write(chunk);
      this.watch(this.reader, false);
      return chunk;
    });
  }

  override _flush(done: TransformCallback): void {
    attempt(done, () => {
      this.summary = this.reader.end();
      this.watch(this.reader, true);
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
