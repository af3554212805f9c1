import { Injectable, Logger } from '@nestjs/common';
import { BackupLocks } from '../backup-locks.js';
import { refuseUnknown } from '../backup.options.js';
import { BackupCatalogue, type RestorableBackup } from '../catalogue.js';
import { fromAnyCopy } from '../copies/from-any-copy.js';
import { nameOf } from '../create/dump-plan.js';
import { DatabaseServer, type ServerSession } from '../engine/database-server.js';
import { DumpEngine } from '../engine/dump-engine.js';
import { checkSwitch, checkWatch } from '../names.js';
import { calm, type ProgressListener } from '../progress.js';
import type { Watch } from '../proof.js';
import { RunQueue } from '../run-queue.js';
import { loadBeside, loadInPlace, removeBeside, type RestoreWork, swapSteps } from './load-beside.js';
import { checkReplay, proveWithLog, replayLog } from './log-replay.js';
import { type Outcome, reportOf, type RestoreReport } from './restore-report.js';
import { busy, RestoreLocks } from './restore-locks.js';
import { type RestorePlan, planRestore, type RestoreStep } from './restore-plan.js';
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
        const outcome = await this.server.use(async (session) => {
          if (backup.manifest.pointInTime) await checkReplay(session, plan);
          return options.dryRun
            ? this.dryRun(session, backup, plan, options, signal)
            : this.locked(session, backup, plan, options, signal);
        });
        const { id } = backup.manifest;
        return reportOf(id, plan, outcome, options.dryRun ?? false, performance.now() - begun);
      });
    });
  }

  private async dryRun(
    session: ServerSession,
    backup: RestorableBackup,
    plan: RestorePlan,
    { to, force = false, onProgress }: RestoreOptions,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const watch = { signal, phase: 'verify', onProgress } as const;
    const proved = await proveWithLog(session, backup, plan, to, watch);
    const prefix = scratchPrefix(restoreMark());
    return { ...(await this.look(session, backup, proved.plan, prefix, force)), steps: proved.plan.steps };
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
      return await this.work(session, backup, plan, options, {
        locks,
        signal: AbortSignal.any([signal, ...locks.signals]),
      });
    } finally {
      await locks.release();
    }
  }

  private async work(
    session: ServerSession,
    backup: RestorableBackup,
    plan: RestorePlan,
    { to, force = false, onProgress }: RestoreOptions,
    { locks, signal }: { locks: RestoreLocks; signal: AbortSignal },
  ): Promise<Outcome> {
    const mark = restoreMark();
    const prefix = scratchPrefix(mark);
    const before = await this.look(session, backup, plan, prefix, force);
    if (before.refusal) throw before.refusal;
    const proving = { signal, phase: 'verify', onProgress } as const;
    const { archive, plan: planned } = await proveWithLog(session, backup, plan, to, proving);
    const { steps } = planned;
    let { present } = before;
    if (archive.oplog) {
      await this.lockMore(session, locks, databasesOf(planned));
      const after = await this.look(session, backup, planned, prefix, force);
      if (after.refusal) throw after.refusal;
      present = after.present;
    }
    const watch: Watch = { signal, phase: 'load', onProgress };
    const { engine } = this;
    const work = { session, engine, backup, archive, loaded: plan.steps, steps, prefix, watch };
    let journal: SwapJournal | undefined;
    try {
      await loadBeside(work);
      await locks.confirm();
      signal.throwIfAborted();
      const record = { mark, locks: this.locks.place, token: locks.token, replace: force };
      journal = await SwapJournal.open(session, { ...record, state: 'placing', steps: swapSteps(work) });
      return { present, steps: await putInPlace(work, journal, locks) };
    } finally {
      await (journal ? journal.leave() : removeBeside(work)).catch((error: Error) =>
        this.log.warn(`Collections whose names begin with ${prefix} could not be removed. ${error.message}`),
      );
    }
  }

  /** For databases that came into being while the dump ran. */
  private async lockMore(
    session: ServerSession,
    locks: RestoreLocks,
    databases: readonly string[],
  ): Promise<void> {
    const more = databases.filter((database) => !locks.has(database));
    const taken = await locks.add(this.locks, more);
    if (taken !== undefined) throw busy(taken);
    if (more.length > 0) await this.recovery.run(session, more, locks);
  }

  private async look(
    session: ServerSession,
    { manifest }: RestorableBackup,
    plan: RestorePlan,
    prefix: string,
    force: boolean,
  ): Promise<Omit<Outcome, 'steps'>> {
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
async function putInPlace(
  work: RestoreWork,
  journal: SwapJournal,
  locks: RestoreLocks,
): Promise<readonly RestoreStep[]> {
  const { session, watch } = work;
  const { steps } = journal.record;
  let result = work.steps;
  try {
    await loadInPlace(work, (placed) =>
      journal.write({ placed: placed.map((step) => steps.findIndex((one) => nameOf(one) === nameOf(step))) }),
    );
    if (work.archive.oplog) result = await replayLog(work);
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
  return result;
}

const OPTIONS = ['to', 'collections', 'force', 'dryRun', 'signal', 'onProgress'];
