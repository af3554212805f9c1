import { pipeline } from 'node:stream/promises';
import { type Duplex, Writable } from 'node:stream';
import type { ArchiveSummary } from './archive/archive-summary.js';
import { BackupError } from './backup.errors.js';
import type { RestorableBackup } from './catalogue.js';
import { findZstd } from './compression.js';
import { nameOf } from './create/dump-plan.js';
import { Digest } from './digest.js';
import { manifestNamespaces, manifestOplog } from './manifest.js';
import { type BackupProgress, calm, describeProgress, type ProgressListener } from './progress.js';
import type { StoredBackup } from './storage/backup-storage.js';
import { ArchiveThread } from './thread/archive-thread.js';
import type { Hashed } from './thread/thread-messages.js';

/** Who is told, and who may stop it. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly phase: BackupProgress['phase'];
  readonly onProgress?: ProgressListener | undefined;
  /** A digest of the documents of each namespace is wanted too. */
  readonly contents?: boolean | undefined;
}

/** Where an archive goes, or only the entries of its log, and what it goes through on its way there. */
export interface Destination {
  readonly what: 'archive' | 'oplog';
  readonly through: readonly Writable[];
}

/** @throws BackupError BACKUP_DAMAGED unless the stored bytes are those that were written */
export async function verifyHash(
  { stored, manifest: { archive } }: RestorableBackup,
  signal: AbortSignal,
): Promise<void> {
  const digest = new Digest();
  await pipeline([await stored.read(archive.file), digest, nowhere()], { signal });
  compareHash(digest.result(), archive, stored);
}

/**
 * Unpacks a backup in a thread, proves it in passing, and hands the archive on. Only when this resolves what was
 * handed on was right from the first byte to the last.
 *
 * @param into absent: nowhere
 * @throws BackupError BACKUP_DAMAGED, BACKUP_UNSUPPORTED, PIPELINE_FAILED, KEY_NOT_FOUND, KEY_WRONG, KEY_INVALID
 */
export async function readProved(
  { stored, manifest: { archive, namespaces, oplog }, key: keyOf }: RestorableBackup,
  { signal, phase, onProgress, contents }: Watch,
  into?: Destination,
): Promise<ArchiveSummary> {
  const key = await keyOf();
  const source = await stored.read(archive.file);
  const totals = new Map(namespaces.map((namespace) => [nameOf(namespace), namespace]));
  const report = calm(onProgress);
  const begun = performance.now();
  const { codec } = archive;
  const thread = new ArchiveThread(
    { kind: 'unpack', codec, zstd: findZstd(), key, handOn: into?.what ?? 'nothing', contents },
    (counts) =>
      report(
        () => describeProgress(phase, counts, totals, performance.now() - begun),
        counts.all > 0 && counts.done === counts.all,
      ),
  );
  const parts = [pipeline(source, thread.input, { signal }), thread.finished.then(() => undefined)];
  if (into) parts.push(pipeline([thread.output, ...into.through] as Duplex[], { signal }));
  const failures: unknown[] = [];
  for (const part of parts)
    part.catch((error: unknown) => {
      failures.push(error);
      void thread.close();
    });
  await Promise.allSettled(parts);
  await thread.close();
  signal.throwIfAborted();
  // One failure brings the others with it.
  const [cause] = failures;
  if (cause !== undefined) throw isOfDamage(cause) ? damaged(stored, (cause as Error).message, cause) : cause;
  const found = await thread.finished;
  compareHash(found.stored, archive, stored);
  compareHash(found.plain, archive.plain, stored);
  const listed = [manifestNamespaces(found.summary), manifestOplog(found.summary, archive.file)];
  if (JSON.stringify(listed) !== JSON.stringify([namespaces, oplog]))
    throw damaged(stored, 'its manifest and its archive hold different things');
  return found.summary;
}

function compareHash({ bytes, sha256 }: Hashed, expected: Hashed, stored: StoredBackup): void {
  if (bytes !== expected.bytes) throw damaged(stored, `it has ${bytes} bytes instead of ${expected.bytes}`);
  if (sha256 !== expected.sha256) throw damaged(stored, 'its bytes are not those that were stored');
}

/** What decryption, the decompressor or the reader of archives says about bytes. */
function isOfDamage(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ARCHIVE_INVALID' || code === 'SEAL_BROKEN' || /^(Z_|ZSTD_|ERR_ZLIB)/.test(code ?? '');
}

function damaged(stored: StoredBackup, problem: string, cause?: unknown): BackupError {
  return new BackupError('BACKUP_DAMAGED', {
    problem: `The backup at ${stored.location} is damaged: ${problem}`,
    advice: 'restore another one',
    ...(cause === undefined ? {} : { cause }),
  });
}

function nowhere(): Writable {
  return new Writable({ write: (_, __, done) => done() });
}
