import { pipeline } from 'node:stream/promises';
import type { ArchiveSummary } from './archive/archive-summary.js';
import { BackupError } from './backup.errors.js';
import { type Compression, findZstd } from './compression.js';
import type { DumpEngine, DumpSelection } from './engine/dump-engine.js';
import type { KeyMark } from './encryption/encryption-keys.js';
import type { NamedKey } from './encryption/seal.js';
import { ALGORITHM, archiveName, type Manifest } from './manifest.js';
import { calm, describeProgress, type ProgressListener, type Totals } from './progress.js';
import { watchServer } from './server-watch.js';
import type { BackupDraft } from './storage/backup-storage.js';
import { ArchiveThread } from './thread/archive-thread.js';

export interface DumpWork {
  readonly engine: DumpEngine;
  readonly selection: DumpSelection;
  readonly compression: Compression;
  /** What the archive is encrypted with, if it is. */
  readonly key?: (NamedKey & KeyMark) | undefined;
  readonly draft: BackupDraft;
  /** Rejects when the server is gone. */
  readonly ask: () => Promise<unknown>;
  readonly signal: AbortSignal;
  readonly onProgress?: ProgressListener | undefined;
  /** What the server says that there is; absent where it doesn't. */
  readonly totals?: Totals | undefined;
}

export interface StoredDump {
  readonly archive: Manifest['archive'];
  readonly summary: ArchiveSummary;
}

/**
 * Dump → read in passing → compress → encrypt → hash → store, in constant memory, the heavy part of it in a thread. Resolves
 * only when the engine vouches for its dump, the archive was read to its end, and the storage has it durably.
 */
export async function storeDump(work: DumpWork): Promise<StoredDump> {
  const { engine, selection, compression, key, draft, ask, signal, onProgress, totals } = work;
  const stop = new AbortController();
  const dump = await engine.dump(selection, AbortSignal.any([signal, stop.signal]));
  const report = calm(onProgress);
  const begun = performance.now();
  const thread = new ArchiveThread(
    { kind: 'pack', compression, zstd: findZstd(), key: key && { id: key.id, key: key.key } },
    (counts) =>
      report(
        () => describeProgress('dump', counts, totals, performance.now() - begun),
        counts.all > 0 && counts.done === counts.all,
      ),
  );
  const file = archiveName(compression.codec, key !== undefined);
  const through = [
    draft.write(file, thread.output),
    pipeline(dump.archive, thread.input, { signal }),
    thread.finished.then(() => undefined),
  ];
  const isOver = (): boolean => thread.input.writableEnded;
  for (const part of through) part.catch(() => void thread.close());
  // Once its output has ended the tool is about to say how it went, and is let.
  for (const part of [...through, dump.finished]) part.catch(() => isOver() || stop.abort());
  const unwatch = watchServer(
    () => thread.moved,
    ask,
    (error) => stop.abort(error),
  );
  const results = (await Promise.allSettled([...through, dump.finished])).map(failureOf);
  unwatch();
  await thread.close();
  signal.throwIfAborted();
  const [written, piped, packed, dumped] = results;
  // One failure brings the others with it. The tool's own comes first where its output had ended: an archive that
  // stops in the middle is then the consequence.
  const failures =
    isStorageFailure(written) || !isOver()
      ? [written, piped, packed, dumped]
      : [dumped, written, piped, packed];
  const cause = [stop.signal.reason, ...failures].find((failure) => failure instanceof BackupError);
  const failure: unknown = cause ?? failures.find(Boolean);
  if (failure !== undefined) throw failure;
  const { stored, plain, summary } = await thread.finished;
  const encryption = key && ({ algorithm: ALGORITHM, keyId: key.keyId, keyCheck: key.keyCheck } as const);
  const archive = { file, codec: compression.codec, ...(encryption ? { encryption } : {}), ...stored, plain };
  return { archive, summary };
}

function failureOf(result: PromiseSettledResult<void>): unknown {
  return result.status === 'rejected' ? result.reason : undefined;
}

function isStorageFailure(failure: unknown): boolean {
  return failure instanceof BackupError && failure.code.startsWith('STORAGE_');
}
