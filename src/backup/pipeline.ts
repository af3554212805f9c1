import { pipeline } from 'node:stream/promises';
import { ArchiveCheck } from './archive/archive-check.js';
import type { ArchiveSummary } from './archive/archive-summary.js';
import { BackupError } from './backup.errors.js';
import { type Compression, compressor } from './compression.js';
import { Digest } from './digest.js';
import type { DumpEngine, DumpSelection } from './engine/dump-engine.js';
import { archiveName, type Manifest } from './manifest.js';
import { calm, type ProgressListener } from './progress.js';
import { watchServer } from './server-watch.js';
import type { BackupDraft } from './storage/backup-storage.js';

export interface DumpWork {
  readonly engine: DumpEngine;
  readonly selection: DumpSelection;
  readonly compression: Compression;
  readonly draft: BackupDraft;
  /** Rejects when the server is gone. */
  readonly ask: () => Promise<unknown>;
  readonly signal: AbortSignal;
  readonly onProgress?: ProgressListener | undefined;
}

export interface StoredDump {
  readonly archive: Manifest['archive'];
  readonly summary: ArchiveSummary;
}

/**
 * Dump → read in passing → compress → hash → store, in constant memory. Resolves only when the engine vouches for
 * its dump, the archive was read to its end, and the storage has it durably.
 */
export async function storeDump(work: DumpWork): Promise<StoredDump> {
  const { engine, selection, compression, draft, ask, signal, onProgress } = work;
  const stop = new AbortController();
  const dump = await engine.dump(selection, AbortSignal.any([signal, stop.signal]));
  const report = calm(onProgress);
  const plain = new Digest();
  const check = new ArchiveCheck(({ documents, bytes, current }, over) =>
    report({ phase: 'dump', documents, bytes, ...(current ? { namespace: current } : {}) }, over),
  );
  const stored = new Digest();
  const file = archiveName(compression.codec);
  const parts = [
    draft.write(file, stored),
    pipeline([dump.archive, plain, check, ...compressor(compression), stored], { signal }),
    dump.finished,
  ];
  // Once its output has ended the tool is about to say how it went, and is let.
  for (const part of parts) part.catch(() => check.over || stop.abort());
  const unwatch = watchServer(
    () => plain.count + stored.count,
    ask,
    (error) => stop.abort(error),
  );
  const [written, piped, dumped] = (await Promise.allSettled(parts)).map(failureOf);
  unwatch();
  signal.throwIfAborted();
  // One failure brings the others with it. The tool's own comes first where its output had ended: an archive that
  // stops in the middle is then the consequence.
  const failures =
    isStorageFailure(written) || !check.over ? [written, piped, dumped] : [dumped, written, piped];
  const cause = [stop.signal.reason, ...failures].find((failure) => failure instanceof BackupError);
  const failure: unknown = cause ?? failures.find(Boolean);
  if (failure !== undefined) throw failure;
  return {
    archive: { file, codec: compression.codec, ...stored.result(), plain: plain.result() },
    summary: check.summary!,
  };
}

function failureOf(result: PromiseSettledResult<void>): unknown {
  return result.status === 'rejected' ? result.reason : undefined;
}

function isStorageFailure(failure: unknown): boolean {
  return failure instanceof BackupError && failure.code.startsWith('STORAGE_');
}
