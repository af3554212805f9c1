import { Injectable } from '@nestjs/common';
import { shown } from '../errors.js';
import { type BackupCopy, countDocuments } from './backup.js';
import { BackupError, invalidOption } from './backup.errors.js';
import { checkedBackupId } from './backup-id.js';
import { refuseUnknown } from './backup.options.js';
import { BackupCatalogue, type BackupPlace, type RestorableBackup } from './catalogue.js';
import type { Manifest } from './manifest.js';
import { checkWatch } from './names.js';
import type { ProgressListener } from './progress.js';
import { readProved, verifyHash } from './proof.js';
import { RestoreTrial } from './restore/trial.js';
import { RunQueue } from './run-queue.js';

/**
 * - `hash`: the stored bytes are those that were written;
 * - `archive`: also, they unpack to an archive that is whole, every document of which was walked, counted and
 *   checksummed, as the manifest says;
 * - `restore`: also, what a restore brings back is the same: it is restored into databases made for this on the server
 *   (`flora_trial-…`), dumped again and compared: documents to the bit, in whatever order, indexes, options, views. The
 *   databases are dropped in the end, those of a killed process by the next verification or start on its machine. What expires
 *   (`expireAfterSeconds`) is kept from expiring there. Needs room for the data, and the rights to write to any database
 *   and to drop it (`readWriteAnyDatabase`, `dbAdminAnyDatabase`). Users, roles and the server's own databases are left out, as by a restore.
 */
export type VerifyLevel = 'hash' | 'archive' | 'restore';

export interface VerifyReport {
  readonly id: string;
  readonly level: VerifyLevel;
  /** With several storages: of all that have it. */
  readonly good: boolean;
  /** What is wrong; absent when it is good. */
  readonly problem?: string;
  /** Where there are several storages: what was found in each. One that lacks it is told, and is not bad. */
  readonly copies?: readonly BackupCopy[];
  /** Stored bytes that were found right. */
  readonly bytes: number;
  /** Documents that were walked; 0 at level `hash`. */
  readonly documents: number;
  readonly seconds: number;
}

export interface VerifyOptions {
  /** @default 'archive' */
  level?: VerifyLevel | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

const LEVELS: readonly unknown[] = ['hash', 'archive', 'restore'] satisfies VerifyLevel[];
/** What these errors say is the result of a verification. */
const VERDICTS: readonly unknown[] = ['BACKUP_DAMAGED', 'RESTORE_MISMATCH'];

/** Says whether a backup is what was stored. */
@Injectable()
export class Verification {
  constructor(
    private readonly catalogue: BackupCatalogue,
    private readonly trial: RestoreTrial,
    private readonly queue: RunQueue,
  ) {}

  async verify(id: string, options: VerifyOptions = {}): Promise<VerifyReport> {
    refuseUnknown('option of verifyBackup', options, ['level', 'signal', 'onProgress']);
    checkWatch(options.signal, options.onProgress);
    const { level = 'archive' } = options;
    if (!LEVELS.includes(level))
      throw invalidOption(`The level is ${shown(level)}`, "'hash', 'archive' or 'restore'");
    const begun = performance.now();
    const found: Finding[] = [];
    let proved: Finding | undefined;
    for (const place of await this.catalogue.places(checkedBackupId(id))) {
      const sha256 = proved?.manifest?.archive.sha256;
      // What was proved of some bytes holds for the same ones elsewhere.
      const finding = await examine(place, (backup) =>
        this.prove(backup, backup.manifest.archive.sha256 === sha256 ? 'hash' : level, options),
      );
      found.push(finding);
      if (finding.copy.status === 'good') proved ??= finding;
    }
    const bad = found.filter(({ copy }) => copy.problem !== undefined);
    // With nothing proved and nothing found damaged, it isn't known.
    const unknown = found.find(({ error }) => error);
    if (unknown && !proved && !bad.some(({ copy }) => copy.status === 'damaged')) throw unknown.error;
    return {
      id,
      level,
      good: bad.length === 0,
      ...(bad.length === 0 ? {} : { problem: bad.map(({ copy }) => copy.problem).join(' ') }),
      ...(found.length > 1 ? { copies: found.map(({ copy }) => copy) } : {}),
      bytes: proved?.manifest?.archive.bytes ?? 0,
      documents: proved?.documents ?? 0,
      seconds: Math.round(performance.now() - begun) / 1_000,
    };
  }

  /** Gives the number of documents that were walked. */
  private async prove(
    backup: RestorableBackup,
    level: VerifyLevel,
    { signal: stop, onProgress }: VerifyOptions,
  ): Promise<number> {
    if (level === 'restore')
      return this.queue.run(stop, async (signal) => {
        const { namespaces } = await this.trial.run(backup, { signal, phase: 'verify', onProgress });
        return countDocuments(namespaces);
      });
    const signal = stop ?? new AbortController().signal;
    if (level === 'archive') {
      const { namespaces } = await readProved(backup, { signal, phase: 'verify', onProgress });
      return countDocuments(namespaces);
    }
    await verifyHash(backup, signal);
    return 0;
  }
}

interface Finding {
  readonly copy: BackupCopy;
  readonly manifest?: Manifest;
  readonly documents?: number;
  /** Why it can't be told. */
  readonly error?: BackupError;
}

async function examine(
  { location, status, open }: BackupPlace,
  prove: (backup: RestorableBackup) => Promise<number>,
): Promise<Finding> {
  if (status === 'missing') return { copy: { location, status } };
  try {
    const backup = open();
    const documents = await prove(backup);
    return { copy: { location, status: 'good' }, manifest: backup.manifest, documents };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const problem = error.message;
    if (VERDICTS.includes(error.code)) return { copy: { location, status: 'damaged', problem } };
    if (error.code === 'STORAGE_UNUSABLE') return { copy: { location, status: 'unknown', problem }, error };
    if (error.code === 'BACKUP_NOT_FOUND') return { copy: { location, status: 'foreign', problem }, error };
    throw error;
  }
}
