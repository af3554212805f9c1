import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { BackupError } from '../backup.errors.js';
import type { RestorableBackup } from '../catalogue.js';
import { checkRoomForCopy } from '../create/room.js';
import { Digest } from '../digest.js';
import { inTime } from '../examination.js';
import { calm, type ProgressListener } from '../progress.js';
import type { BackupStorage, StoredBackup } from '../storage/backup-storage.js';

const TELL_MS = 250;

/**
 * Copies the stored bytes of a backup, as they are, and its manifest last: only when the bytes that came by were those
 * that the manifest speaks of.
 *
 * @throws BackupError BACKUP_DAMAGED when what was read isn't what was stored, BACKUP_NOT_FOUND when it was deleted
 *   meanwhile, STORAGE_FULL, STORAGE_UNUSABLE; nothing stays then but what the next attempt goes on with
 */
export async function copyBackup(
  { stored, manifest }: RestorableBackup,
  to: BackupStorage,
  signal: AbortSignal,
  onProgress?: ProgressListener,
): Promise<StoredBackup> {
  const text = await stored.manifest();
  if (text === undefined) throw gone(stored);
  await checkRoomForCopy(to, manifest.archive.bytes);
  signal.throwIfAborted();
  const draft = await to.begin(manifest.id, 'copy');
  let copy: StoredBackup;
  try {
    const digest = new Digest();
    const { file, bytes, sha256 } = manifest.archive;
    const timer = tell(digest, bytes, onProgress);
    try {
      const reading = pipeline(await stored.read(file), digest, { signal });
      const writing = draft.write(file, digest, signal);
      writing.catch(() => digest.destroy());
      await both(reading, writing, signal);
    } finally {
      clearInterval(timer);
    }
    const found = digest.result();
    if (found.bytes !== bytes || found.sha256 !== sha256)
      throw new BackupError('BACKUP_DAMAGED', {
        problem: `The backup at ${stored.location} is damaged: its bytes are not those that were stored`,
        advice: 'make another one',
      });
    signal.throwIfAborted();
    copy = await draft.commit(text, signal);
  } catch (error) {
    await inTime(to, draft.discard()).catch(() => undefined);
    throw error;
  }
  // Deleted while it was copied: its copy would be found by nobody who deletes it.
  if ((await stored.manifest().catch(() => text)) === text) return copy;
  await to.delete(manifest.id).catch(() => undefined);
  throw gone(stored);
}

/** One's failure ends the other, which then fails with less to say. */
async function both(reading: Promise<void>, writing: Promise<void>, signal: AbortSignal): Promise<void> {
  // A storage that answers nobody doesn't answer an abort either.
  const over = new AbortController();
  const aborted = signal.aborted
    ? Promise.resolve()
    : once(signal, 'abort', { signal: over.signal }).then(() => undefined);
  const [read, written] = await Promise.allSettled([reading, Promise.race([writing, aborted])]);
  over.abort();
  aborted.catch(() => undefined);
  signal.throwIfAborted();
  const isOwn = read.status === 'rejected' && code(read.reason) !== 'ERR_STREAM_PREMATURE_CLOSE';
  if (isOwn) throw read.reason;
  if (written.status === 'rejected') throw written.reason;
  if (read.status === 'rejected') throw read.reason;
}

function tell(digest: Digest, totalBytes: number, onProgress: ProgressListener | undefined): NodeJS.Timeout {
  const report = calm(onProgress);
  const idle = { documents: 0, collections: [], collectionsDone: 0, totalCollections: 0 };
  return setInterval(() => {
    const bytes = digest.count;
    const percent = Math.round((1_000 * bytes) / Math.max(1, totalBytes)) / 10;
    report(() => ({ phase: 'copy', ...idle, bytes, totalBytes, percent }));
  }, TELL_MS);
}

function gone({ location }: StoredBackup): BackupError {
  return new BackupError('BACKUP_NOT_FOUND', {
    problem: `The backup at ${location} was deleted while it was copied`,
  });
}

function code(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
