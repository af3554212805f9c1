import { pipeline } from 'node:stream/promises';
import { Writable } from 'node:stream';
import { ArchiveCheck } from './archive/archive-check.js';
import type { ArchiveSummary } from './archive/archive-summary.js';
import { countDocuments } from './backup.js';
import { BackupError } from './backup.errors.js';
import type { RestorableBackup } from './catalogue.js';
import { decompressor } from './compression.js';
import { Digest } from './digest.js';
import { type Manifest, manifestNamespaces } from './manifest.js';
import { type BackupProgress, calm, type ProgressListener } from './progress.js';
import type { StoredBackup } from './storage/backup-storage.js';

/** Who is told, and who may stop it. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly phase: BackupProgress['phase'];
  readonly onProgress?: ProgressListener | undefined;
}

/** @throws BackupError BACKUP_DAMAGED unless the stored bytes are those that were written */
export async function verifyHash(
  { stored, manifest: { archive } }: RestorableBackup,
  signal: AbortSignal,
): Promise<void> {
  const digest = new Digest();
  await pipeline([await stored.read(archive.file), digest, nowhere()], { signal });
  compareHash(digest, archive, stored);
}

/**
 * Unpacks a backup, proves it in passing, and hands the archive on. Only when this resolves what was handed on was
 * right from the first byte to the last.
 *
 * @param into where the archive goes; absent: nowhere
 * @throws BackupError BACKUP_DAMAGED, BACKUP_UNSUPPORTED
 */
export async function readProved(
  { stored, manifest: { archive, namespaces } }: RestorableBackup,
  { signal, phase, onProgress }: Watch,
  into: Writable = nowhere(),
): Promise<ArchiveSummary> {
  const total = { totalDocuments: countDocuments(namespaces), totalBytes: sumBytes(namespaces) };
  const report = calm(onProgress);
  const check = new ArchiveCheck(({ documents, bytes, current }, over) =>
    report({ phase, documents, bytes, ...total, ...(current ? { namespace: current } : {}) }, over),
  );
  const found = new Digest();
  const plain = new Digest();
  const unpack = decompressor(archive.codec);
  const source = await stored.read(archive.file);
  try {
    await pipeline([source, found, ...unpack, plain, check, into], { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw isOfDamage(error) ? damaged(stored, (error as Error).message, error) : error;
  }
  compareHash(found, archive, stored);
  compareHash(plain, archive.plain, stored);
  if (JSON.stringify(manifestNamespaces(check.summary!)) !== JSON.stringify(namespaces))
    throw damaged(stored, 'its manifest and its archive hold different things');
  return check.summary!;
}

function compareHash(
  digest: Digest,
  expected: { bytes: number; sha256: string },
  stored: StoredBackup,
): void {
  const { bytes, sha256 } = digest.result();
  if (bytes !== expected.bytes) throw damaged(stored, `it has ${bytes} bytes instead of ${expected.bytes}`);
  if (sha256 !== expected.sha256) throw damaged(stored, 'its bytes are not those that were stored');
}

function sumBytes(namespaces: Manifest['namespaces']): number {
  return namespaces.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What the decompressor or the reader of archives says about bytes. */
function isOfDamage(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ARCHIVE_INVALID' || /^(Z_|ZSTD_|ERR_ZLIB)/.test(code ?? '');
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
