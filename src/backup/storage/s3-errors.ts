import { BackupError } from '../backup.errors.js';

interface SdkError extends Error {
  $metadata?: { httpStatusCode?: number };
  code?: string;
}

/** An error of the SDK as one of ours. It is no cause of it: it may quote what was signed. */
export function s3Error(error: unknown, location: string): BackupError {
  if (error instanceof BackupError) return error;
  const { name, code, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const what = [code ?? name, status].filter(Boolean).join(' ');
  if (isFull(error))
    return new BackupError('STORAGE_FULL', {
      problem: `There is no room for the backup at ${location} (${what})`,
      advice: 'raise the quota, or keep fewer backups',
    });
  return new BackupError('STORAGE_UNUSABLE', {
    problem: `The backup storage at ${location} can't be used (${what})`,
    expected: 'a bucket that these credentials may list, read, write and delete in',
    advice: 'check bucket, region, endpoint and credentials of the option storage.s3',
  });
}

/** True for what may be over in a while: no answer, half of one, or one that says so. */
export function isPassing(error: unknown): boolean {
  if (error instanceof BackupError || isFull(error)) return false;
  const status = (error as SdkError).$metadata?.httpStatusCode;
  return status === undefined || status < 300 || status >= 500 || status === 429 || status === 408;
}

export function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return ['NotFound', 'NoSuchKey', 'NoSuchUpload'].includes(name) && $metadata?.httpStatusCode === 404;
}

/** `If-None-Match: *` was not met: by an object, or by another who writes it right now. */
export function isTaken(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return $metadata?.httpStatusCode === 412 || name === 'ConditionalRequestConflict';
}

export function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

function isFull(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return $metadata?.httpStatusCode === 507 || /Quota|StorageFull|InsufficientStorage/i.test(name);
}
