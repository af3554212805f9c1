import type { ArchiveSummary } from './archive/archive-summary.js';
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
 * Dump → read in passing → compress → encrypt → hash → store, in constant memory, all but the last in a thread. Resolves
 * only when the engine vouches for its dump, the archive was read to its end, and the storage has it durably.
 */
export async function storeDump(work: DumpWork): Promise<StoredDump> {
  const { engine, selection, compression, key, draft, ask, signal, onProgress, totals } = work;
  const report = calm(onProgress);
  const begun = performance.now();
  const from = await engine.source(selection);
  const thread = new ArchiveThread(
    { kind: 'pack', from, compression, zstd: findZstd(), key: key && { id: key.id, key: key.key } },
    (counts) =>
      report(
        () => describeProgress('dump', counts, totals, performance.now() - begun),
        counts.all > 0 && counts.done === counts.all,
      ),
  );
  const file = archiveName(compression.codec, key !== undefined);
  const failures: unknown[] = [];
  const over = new AbortController();
  const fail = (failure: unknown): void => {
    failures.push(failure);
    over.abort(failure);
    void thread.close();
  };
  const stop = (): void => fail(signal.reason);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const unwatch = watchServer(() => thread.moved, ask, fail);
  const parts = [draft.write(file, thread.output, over.signal), thread.finished.then(() => undefined)];
  for (const part of parts) part.catch(fail);
  await Promise.allSettled(parts);
  unwatch();
  signal.removeEventListener('abort', stop);
  await thread.close();
  signal.throwIfAborted();
  // One failure brings the others with it.
  const [cause] = failures;
  if (cause !== undefined) throw cause;
  const { stored, plain, summary } = await thread.finished;
  const encryption = key && ({ algorithm: ALGORITHM, keyId: key.keyId, keyCheck: key.keyCheck } as const);
  const archive = { file, codec: compression.codec, ...(encryption ? { encryption } : {}), ...stored, plain };
  return { archive, summary };
}
