/** How far a backup or a restore has come. */
export interface BackupProgress {
  /**
   * `dump` reads the database, `verify` the backup before its restore, `load` writes the database, `swap` puts what was
   * loaded in its place: told once, when it begins; from then on a restore can't be stopped. `copy` brings a backup
   * into another storage: its bytes are stored ones.
   */
  readonly phase: 'dump' | 'verify' | 'load' | 'swap' | 'copy';
  /** The namespace that is being read, as `database.collection`. */
  readonly namespace?: string;
  readonly documents: number;
  /** Bytes of documents, before compression. */
  readonly bytes: number;
  /** Of the whole, where it is known; for a dump an estimate of the server, made before it. */
  readonly totalDocuments?: number;
  readonly totalBytes?: number;
  /** 0 to 100, by bytes; where the whole is known. Below 100 until the end, however wrong the estimate. */
  readonly percent?: number;
  /** At the average pace so far; where the whole is known, after the first second. */
  readonly secondsLeft?: number;
  /** Those that are under way: several, where they are read at once. */
  readonly collections: readonly CollectionProgress[];
  /** How many are done, and how many there are. */
  readonly collectionsDone: number;
  readonly totalCollections: number;
}

export interface CollectionProgress {
  /** `database.collection` */
  readonly namespace: string;
  readonly documents: number;
  readonly bytes: number;
  readonly totalDocuments?: number;
  readonly totalBytes?: number;
}

/** Told at most four times a second, and at the end. What it throws is ignored. */
export type ProgressListener = (progress: BackupProgress) => void;

/** What was seen of an archive so far. */
export interface ArchiveCounts {
  readonly documents: number;
  readonly bytes: number;
  readonly namespace: string | undefined;
  /** Namespaces begun and not done. */
  readonly running: readonly {
    readonly namespace: string;
    readonly documents: number;
    readonly bytes: number;
  }[];
  readonly done: number;
  readonly all: number;
}

/** Documents and bytes to come, by `database.collection`. */
export type Totals = ReadonlyMap<string, { readonly documents: number; readonly bytes: number }>;

const INTERVAL_MS = 250;
/** Before that a pace says nothing. */
const FIRST_ESTIMATE_MS = 1_000;

/** @param elapsed milliseconds since the phase began */
export function describeProgress(
  phase: BackupProgress['phase'],
  counts: ArchiveCounts,
  totals: Totals | undefined,
  elapsed: number,
): BackupProgress {
  const { documents, bytes, namespace, running, done, all } = counts;
  return {
    phase,
    ...(namespace === undefined ? {} : { namespace }),
    documents,
    bytes,
    ...(totals ? ofWhole(counts, totals, elapsed) : {}),
    collections: running.map((each) => {
      const total = totals?.get(each.namespace);
      return { ...each, ...(total ? { totalDocuments: total.documents, totalBytes: total.bytes } : {}) };
    }),
    collectionsDone: done,
    totalCollections: all,
  };
}

function ofWhole({ bytes, done, all }: ArchiveCounts, totals: Totals, elapsed: number) {
  const sum = (of: 'documents' | 'bytes'): number =>
    [...totals.values()].reduce((total, each) => total + each[of], 0);
  const totalBytes = sum('bytes');
  const over = all > 0 && done === all;
  const share = over ? 1 : Math.min(0.999, totalBytes === 0 ? 0 : bytes / totalBytes);
  const paced = elapsed >= FIRST_ESTIMATE_MS && share > 0;
  const left = paced ? { secondsLeft: Math.round((elapsed / share - elapsed) / 1_000) } : {};
  return {
    totalDocuments: sum('documents'),
    totalBytes,
    percent: Math.round(share * 1_000) / 10,
    ...left,
  };
}

/** A listener that may be called as often as there is something to say. */
export function calm(
  listener: ProgressListener | undefined,
): (progress: () => BackupProgress, last?: boolean) => void {
  if (!listener) return () => undefined;
  let quietUntil = 0;
  return (progress, last = false) => {
    const now = performance.now();
    if (now < quietUntil && !last) return;
    quietUntil = now + INTERVAL_MS;
    try {
      listener(progress());
    } catch {
      // A progress bar must not cost a backup.
    }
  };
}
