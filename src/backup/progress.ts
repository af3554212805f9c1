/** How far a backup or a restore has come. */
export interface BackupProgress {
  /** `dump` reads the database, `verify` the backup before its restore, `load` writes the database. */
  readonly phase: 'dump' | 'verify' | 'load';
  /** The namespace that is being read, as `database.collection`. */
  readonly namespace?: string;
  readonly documents: number;
  /** Bytes of documents, before compression. */
  readonly bytes: number;
  /** Of the whole, where it is known. */
  readonly totalDocuments?: number;
  readonly totalBytes?: number;
}

/** Told at most four times a second, and at the end. What it throws is ignored. */
export type ProgressListener = (progress: BackupProgress) => void;

const INTERVAL_MS = 250;

/** A listener that may be called as often as there is something to say. */
export function calm(
  listener: ProgressListener | undefined,
): (progress: BackupProgress, last?: boolean) => void {
  if (!listener) return () => undefined;
  let quietUntil = 0;
  return (progress, last = false) => {
    const now = performance.now();
    if (now < quietUntil && !last) return;
    quietUntil = now + INTERVAL_MS;
    try {
      listener(progress);
    } catch {
      // A progress bar must not cost a backup.
    }
  };
}
