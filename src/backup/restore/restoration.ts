import { Injectable, Logger } from '@nestjs/common';
import type { NamespaceType } from '../archive/archive-summary.js';
import { shown } from '../../errors.js';
import { countDocuments } from '../backup.js';
import {
  type BackupError,
  type BackupErrorCode,
  invalidOption,
  list,
  SwapFailedError,
} from '../backup.errors.js';
import { refuseUnknown } from '../backup.options.js';
import { BackupCatalogue, type RestorableBackup } from '../catalogue.js';
import { nameOf } from '../create/dump-plan.js';
import { DatabaseServer, type ServerNamespace, type ServerSession } from '../engine/database-server.js';
import { DumpEngine } from '../engine/dump-engine.js';
import { checkWatch } from '../names.js';
import { loadBeside, loadInPlace, removeBeside, removeInPlace } from './load-beside.js';
import type { ProgressListener } from '../progress.js';
import { type RestorePlan, planRestore } from './restore-plan.js';
import { refusalOf } from './restore-refusal.js';
import { RunQueue } from '../run-queue.js';
import { isAbandoned, scratchPrefix } from './scratch.js';
import { swap } from './swap.js';
import { readProved, type Watch } from '../proof.js';

export interface RestoreOptions {
  /** The database to restore into. @default the one the backup was made of */
  to?: string | undefined;
  /** These collections only; as `database.collection` where the backup holds several databases. @default all */
  collections?: readonly string[] | undefined;
  /** Replace what is there. Collections that are not in the backup stay as they are. @default false */
  force?: boolean | undefined;
  /** Prove the backup and tell what would happen; touch nothing. @default false */
  dryRun?: boolean | undefined;
  /** Stops the restore, until it begins to swap; the target is then as it was. */
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

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

/**
 * Puts backups back. Order is everything: the backup is proved, then the target is looked at, then all is loaded
 * beside what is there and counted, and only then it takes its place, one rename per collection. Whatever fails
 * before the first rename leaves the target as it was.
 *
 * The renames are not one step: while they run (milliseconds), readers may see some collections replaced and others
 * not yet, and a process that is killed between two of them leaves that mixture; restoring again with `force` heals it.
 */
@Injectable()
export class Restoration {
  private readonly log = new Logger(Restoration.name);

  constructor(
    private readonly catalogue: BackupCatalogue,
    private readonly engine: DumpEngine,
    private readonly server: DatabaseServer,
    private readonly queue: RunQueue,
  ) {}

  async restore(ref: string, options: RestoreOptions = {}): Promise<RestoreReport> {
    refuseUnknown('option of restoreBackup', options, OPTIONS);
    checkWatch(options.signal, options.onProgress);
    checkSwitch('force', options.force);
    checkSwitch('dryRun', options.dryRun);
    return this.queue.run(options.signal, async (signal) => {
      const begun = performance.now();
      const backup = await this.catalogue.find(ref);
      const plan = planRestore(backup.manifest, options);
      await this.engine.prepare('load');
      const { refusal, present } = await this.server.use((session) =>
        this.work(session, backup, plan, options, signal),
      );
      const { id } = backup.manifest;
      return reportOf(id, plan, present, refusal, options.dryRun ?? false, performance.now() - begun);
    });
  }

  private async work(
    session: ServerSession,
    backup: RestorableBackup,
    plan: RestorePlan,
    { force = false, dryRun = false, onProgress }: RestoreOptions,
    signal: AbortSignal,
  ): Promise<{ present: Present; refusal: BackupError | undefined }> {
    const { manifest } = backup;
    const prefix = scratchPrefix();
    const databases = [...new Set(plan.steps.map(({ database }) => database))];
    const namespaces = (await Promise.all(databases.map((database) => session.namespaces(database)))).flat();
    const target = { namespaces, prefix, serverVersion: await session.version() };
    const present = new Map(namespaces.map((namespace) => [nameOf(namespace), namespace.type]));
    const refusal = refusalOf(plan, target, manifest.source.serverVersion, force);
    if (refusal && !dryRun) throw refusal;

    const archive = await readProved(backup, { signal, phase: 'verify', onProgress });
    if (dryRun) return { present, refusal };

    await this.removeAbandoned(session, namespaces);
    const watch: Watch = { signal, phase: 'load', onProgress };
    const work = { session, engine: this.engine, backup, archive, steps: plan.steps, prefix, watch };
    try {
      await loadBeside(work);
      signal.throwIfAborted();
      await loadInPlace(work);
      await swap(work, present, force).catch(async (error: unknown) => {
        if (!(error instanceof SwapFailedError)) await removeInPlace(work);
        throw error;
      });
    } finally {
      await removeBeside(work).catch((error: Error) =>
        this.log.warn(`Collections whose names begin with ${prefix} could not be removed. ${error.message}`),
      );
    }
    return { present, refusal };
  }

  /** What restores left in these databases whose process was killed. */
  private async removeAbandoned(
    session: ServerSession,
    namespaces: readonly ServerNamespace[],
  ): Promise<void> {
    const abandoned = namespaces.filter(({ collection }) => isAbandoned(collection));
    for (const { database, collection } of abandoned) await session.drop(database, collection);
    if (abandoned.length > 0)
      this.log.log(`Removed what a killed restore left: ${list(abandoned.map(nameOf))}`);
  }
}

/** What was there before, by `database.collection`. */
type Present = ReadonlyMap<string, NamespaceType>;

const OPTIONS = ['to', 'collections', 'force', 'dryRun', 'signal', 'onProgress'];

/** A text such as 'false', from a form or a command line, must not count as a yes. */
function checkSwitch(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw invalidOption(`The option ${name} is ${shown(value)}`, 'true or false');
}

function reportOf(
  id: string,
  { steps, skipped }: RestorePlan,
  present: Present,
  refusal: BackupError | undefined,
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
