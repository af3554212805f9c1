import { Injectable, Logger } from '@nestjs/common';
import type { NamespaceType } from '../archive/archive-summary.js';
import { shown } from '../../errors.js';
import { countDocuments } from '../backup.js';
import { BackupLocks } from '../backup-locks.js';
import { type BackupError, type BackupErrorCode, invalidOption } from '../backup.errors.js';
import { refuseUnknown } from '../backup.options.js';
import { BackupCatalogue, type RestorableBackup } from '../catalogue.js';
import { fromAnyCopy } from '../copies/from-any-copy.js';
import { nameOf } from '../create/dump-plan.js';
import { DatabaseServer, type ServerSession } from '../engine/database-server.js';
import { DumpEngine } from '../engine/dump-engine.js';
import { checkWatch } from '../names.js';
import { calm, type ProgressListener } from '../progress.js';
import { readProved, type Watch } from '../proof.js';
import { RunQueue } from '../run-queue.js';
import { loadBeside, loadInPlace, removeBeside, type RestoreWork, swapSteps } from './load-beside.js';
import { busy, RestoreLocks } from './restore-locks.js';
import { type RestorePlan, planRestore } from './restore-plan.js';
import { refusalOf } from './restore-refusal.js';
import { restoreMark, scratchPrefix } from './scratch.js';
import { databasesOf, SwapJournal } from './swap-journal.js';
import { SwapRecovery } from './swap-recovery.js';
import { swap, takeBack } from './swap.js';

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
 * not yet. They are done under a journal in the database, so that whoever comes after a crash ends them.
 */
@Injectable()
export class Restoration {
  private readonly log = new Logger(Restoration.name);

  constructor(
    private readonly catalogue: BackupCatalogue,
    private readonly engine: DumpEngine,
    private readonly server: DatabaseServer,
    private readonly queue: RunQueue,
    private readonly locks: BackupLocks,
    private readonly recovery: SwapRecovery,
  ) {}

  async restore(ref: string, options: RestoreOptions = {}): Promise<RestoreReport> {
    refuseUnknown('option of restoreBackup', options, OPTIONS);
    checkWatch(options.signal, options.onProgress);
    checkSwitch('force', options.force);
    checkSwitch('dryRun', options.dryRun);
    return this.queue.run(options.signal, async (signal) => {
      const begun = performance.now();
      return fromAnyCopy(await this.catalogue.copies(ref), this.log, async (backup) => {
        const plan = planRestore(backup.manifest, options);
        await this.engine.prepare('load');
        const { refusal, present } = await this.server.use((session) =>
          options.dryRun
            ? this.dryRun(session, backup, plan, options, signal)
            : this.locked(session, backup, plan, options, signal),
        );
        const { id } = backup.manifest;
        return reportOf(id, plan, present, refusal, options.dryRun ?? false, performance.now() - begun);
      });
    });
  }

  private async dryRun(
    session: ServerSession,
    backup: RestorableBackup,
    plan: RestorePlan,
    { force = false, onProgress }: RestoreOptions,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { present, refusal } = await this.look(session, backup, plan, scratchPrefix(restoreMark()), force);
    await readProved(backup, { signal, phase: 'verify', onProgress });
    return { present, refusal };
  }

  private async locked(
    session: ServerSession,
    backup: RestorableBackup,
    plan: RestorePlan,
    options: RestoreOptions,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const databases = databasesOf(plan);
    const locks = await RestoreLocks.take(this.locks, databases);
    if (typeof locks === 'string') throw busy(locks);
    try {
      await this.recovery.run(session, databases, locks);
      const present = await this.work(session, backup, plan, options, {
        locks,
        signal: AbortSignal.any([signal, ...locks.signals]),
      });
      return { present };
    } finally {
      await locks.release();
    }
  }

  private async work(
    session: ServerSession,
    backup: RestorableBackup,
    { steps, ...plan }: RestorePlan,
    { force = false, onProgress }: RestoreOptions,
    { locks, signal }: { locks: RestoreLocks; signal: AbortSignal },
  ): Promise<Present> {
    const mark = restoreMark();
    const prefix = scratchPrefix(mark);
    const { present, refusal } = await this.look(session, backup, { steps, ...plan }, prefix, force);
    if (refusal) throw refusal;
    const archive = await readProved(backup, { signal, phase: 'verify', onProgress });
    const watch: Watch = { signal, phase: 'load', onProgress };
    const work = { session, engine: this.engine, backup, archive, steps, prefix, watch };
    let journal: SwapJournal | undefined;
    try {
      await loadBeside(work);
      await locks.confirm();
      signal.throwIfAborted();
      const record = { mark, locks: this.locks.place, token: locks.token, replace: force };
      journal = await SwapJournal.open(session, { ...record, state: 'placing', steps: swapSteps(work) });
      await putInPlace(work, journal, locks);
    } finally {
      await (journal ? journal.leave() : removeBeside(work)).catch((error: Error) =>
        this.log.warn(`Collections whose names begin with ${prefix} could not be removed. ${error.message}`),
      );
    }
    return present;
  }

  private async look(
    session: ServerSession,
    { manifest }: RestorableBackup,
    plan: RestorePlan,
    prefix: string,
    force: boolean,
  ): Promise<Outcome> {
    const found = await Promise.all(databasesOf(plan).map((database) => session.namespaces(database)));
    const namespaces = found.flat();
    const target = { namespaces, prefix, serverVersion: await session.version() };
    return {
      present: new Map(namespaces.map((namespace) => [nameOf(namespace), namespace.type])),
      refusal: refusalOf(plan, target, manifest.source.serverVersion, force),
    };
  }
}

/** From here on whatever happens is ended by the journal, in this process or in the next. */
async function putInPlace(work: RestoreWork, journal: SwapJournal, locks: RestoreLocks): Promise<void> {
  const { session, watch } = work;
  const { steps } = journal.record;
  try {
    await loadInPlace(work, (placed) =>
      journal.write({ placed: placed.map((step) => steps.findIndex((one) => nameOf(one) === nameOf(step))) }),
    );
    watch.signal.throwIfAborted();
    await locks.confirm();
    await journal.write({ state: 'forward' });
  } catch (error) {
    await takeBack(session, journal);
    throw error;
  }
  const done = {
    documents: 0,
    bytes: 0,
    collections: [],
    collectionsDone: 0,
    totalCollections: steps.length,
  };
  calm(watch.onProgress)(() => ({ phase: 'swap', ...done }));
  await swap(session, journal);
}

interface Outcome {
  readonly present: Present;
  readonly refusal?: BackupError | undefined;
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
