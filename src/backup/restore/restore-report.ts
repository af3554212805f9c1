import type { NamespaceType } from '../archive/archive-summary.js';
import { countDocuments } from '../backup.js';
import type { BackupError, BackupErrorCode } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import type { RestorePlan, RestoreStep } from './restore-plan.js';

export interface RestoreReport {
  /** Of the backup. */
  readonly id: string;
  readonly dryRun: boolean;
  /** With `dryRun`: why the restore would be refused; absent when it would be done. */
  readonly refusal?: { readonly code: BackupErrorCode; readonly message: string };
  readonly namespaces: readonly RestoredNamespace[];
  /** What the backup holds and a restore leaves out: the server's own databases, users and roles. */
  readonly skipped: RestorePlan['skipped'];
  readonly documents: number;
  readonly seconds: number;
}

export interface RestoredNamespace {
  /** In the backup, as `database.collection`. */
  readonly from: string;
  /** On the server. */
  readonly to: string;
  readonly type: 'collection' | 'view' | 'timeseries';
  readonly documents: number;
  /** True when something of that name was there and was replaced, or with `dryRun` would be. */
  readonly replaced: boolean;
}

/** How a restore went. */
export interface Outcome {
  readonly present: Present;
  /** As they are in the end. */
  readonly steps: readonly RestoreStep[];
  readonly refusal?: BackupError | undefined;
}

/** What was there before, by `database.collection`. */
type Present = ReadonlyMap<string, NamespaceType>;

export function reportOf(
  id: string,
  { skipped }: RestorePlan,
  { steps, present, refusal }: Outcome,
  dryRun: boolean,
  milliseconds: number,
): RestoreReport {
  const namespaces = steps.map((step) => ({
    from: nameOf(step.source),
    to: nameOf(step),
    type: step.source.type,
    documents: step.source.documents,
    replaced: present.has(nameOf(step)),
  }));
  return {
    id,
    dryRun,
    ...(refusal ? { refusal: { code: refusal.code, message: refusal.message } } : {}),
    namespaces,
    skipped,
    documents: countDocuments(namespaces),
    seconds: Math.round(milliseconds) / 1_000,
  };
}
