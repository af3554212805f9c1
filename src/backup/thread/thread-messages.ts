import type { ArchiveSummary } from '../archive/archive-summary.js';
import { BackupError, type BackupErrorCode } from '../backup.errors.js';
import type { Codec, Compression, ZstdSource } from '../compression.js';
import type { NamedKey } from '../encryption/seal.js';
import type { DumpSource } from '../engine/dump-source.js';
import type { ArchiveCounts } from '../progress.js';

/** What a thread is to do with the bytes that it is sent or reads by itself. */
export type ThreadTask = {
  /** Where the bytes come from; absent: they are sent. */
  readonly from?: DumpSource | undefined;
} &
  /** An archive comes in; it is read in passing, compressed, encrypted and hashed, and what is to be stored comes out. */
  (
    | {
        readonly kind: 'pack';
        readonly compression: Compression;
        readonly zstd: ZstdSource | undefined;
        /** What it is to be encrypted with. */
        readonly key: NamedKey | undefined;
      }
    /** What is stored comes in; it is hashed, decrypted and unpacked, and the archive is read. */
    | {
        readonly kind: 'unpack';
        readonly codec: Codec;
        readonly zstd: ZstdSource | undefined;
        /** What it is encrypted with. */
        readonly key: NamedKey | undefined;
        /** What comes out: the archive, or only the entries of its log. */
        readonly handOn: 'archive' | 'oplog' | 'nothing';
        /** A digest of the documents of each namespace is made. */
        readonly contents?: boolean | undefined;
      }
  );

export interface Hashed {
  readonly bytes: number;
  readonly sha256: string;
}

/** What a thread found, once all bytes have passed. */
export interface ThreadResult {
  /** The bytes as they are stored. */
  readonly stored: Hashed;
  /** The archive as the engine wrote it. */
  readonly plain: Hashed;
  readonly summary: ArchiveSummary;
}

export type ThreadMessage =
  | { readonly kind: 'bytes'; readonly pieces: readonly Uint8Array[] }
  /** No more bytes come. */
  | { readonly kind: 'end' }
  /** So many bytes were used: as many more may be sent. */
  | { readonly kind: 'taken'; readonly count: number };

export type ThreadOrder =
  | ThreadMessage
  /** The work is not wanted any more. */
  | { readonly kind: 'stop' };

export type ThreadReport =
  | ThreadMessage
  | { readonly kind: 'progress'; readonly counts: ArchiveCounts }
  | { readonly kind: 'result'; readonly result: ThreadResult }
  | { readonly kind: 'failure'; readonly failure: SentFailure };

/** An error on its way between threads, where classes are lost. */
export interface SentFailure {
  readonly ours: boolean;
  readonly code: string | undefined;
  readonly message: string;
}

export function sendable(error: unknown): SentFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  return { ours: error instanceof BackupError, code, message };
}

/** Ours as it was; one of zlib or of the system with its code; anything else as a failure of the thread. */
export function received({ ours, code, message }: SentFailure): Error {
  if (ours) return new BackupError(code as BackupErrorCode, { problem: message.replace(/\.$/, '') });
  if (code !== undefined) return Object.assign(new Error(message), { code });
  return threadFailed(message);
}

export function threadFailed(problem: string, cause?: unknown): BackupError {
  return new BackupError('PIPELINE_FAILED', {
    problem: `The thread that works on the backup failed: ${problem}`,
    ...(cause === undefined ? {} : { cause }),
  });
}
