import type { Backup, BackupCopy } from '../backup.js';

/** What a backup is made of. */
export interface BackupOccasion {
  /** `'*'` for the whole instance. */
  readonly database: string;
  /** Present where only some collections are asked for. */
  readonly collections?: readonly string[];
  readonly label?: string;
}

export interface BackupMade extends BackupOccasion {
  /** With `copies`, where there are several storages: one of them may have failed. */
  readonly backup: Backup;
}

export interface BackupFailure extends BackupOccasion {
  /** Why, without secrets. */
  readonly error: { readonly code: string; readonly message: string };
}

export interface CopyFailure {
  readonly id: string;
  readonly copy: BackupCopy;
}

/**
 * - `before`: a backup is about to be made;
 * - `after`: it was made;
 * - `failed`: it was not, and nothing of it is there;
 * - `copyFailed`: it was made and one of its copies was not, now or at a later try.
 */
export interface HookEvents {
  before: BackupOccasion;
  after: BackupMade;
  failed: BackupFailure;
  copyFailed: CopyFailure;
}

export type HookEvent = keyof HookEvents;

export const HOOK_EVENTS: readonly HookEvent[] = ['before', 'after', 'failed', 'copyFailed'];
