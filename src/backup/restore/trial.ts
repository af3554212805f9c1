import { Injectable, Logger } from '@nestjs/common';
import type { ArchiveNamespace, ArchiveSummary } from '../archive/archive-summary.js';
import type { MetadataEdit } from '../archive/prelude-edit.js';
import { BackupError, list } from '../backup.errors.js';
import type { RestorableBackup } from '../catalogue.js';
import { nameOf } from '../create/dump-plan.js';
import { DatabaseServer, type ServerSession } from '../engine/database-server.js';
import { DumpEngine } from '../engine/dump-engine.js';
import type { Watch } from '../proof.js';
import { ArchiveThread } from '../thread/archive-thread.js';
import { load, metadataOf, type RestoreWork, withoutIndexes } from './load-beside.js';
import { checkReplay, proveWithLog, replayLog } from './log-replay.js';
import { planRestore, type RestoreStep } from './restore-plan.js';
import { refusalOf } from './restore-refusal.js';
import { isOurs } from './scratch.js';
import { differenceOf, withoutExpiry } from './trial-comparison.js';
import { removeAbandonedTrials, TrialDatabases } from './trial-databases.js';

/**
 * Restores a backup for trial, into databases that are made for it and dropped after it, dumps them again, and
 * compares what came back with what the backup holds.
 */
@Injectable()
export class RestoreTrial {
  private readonly log = new Logger(RestoreTrial.name);

  constructor(
    private readonly engine: DumpEngine,
    private readonly server: DatabaseServer,
  ) {}

  /**
   * @returns what was restored and compared
   * @throws BackupError BACKUP_DAMAGED, RESTORE_MISMATCH with the namespaces and how they differ
   */
  async run(backup: RestorableBackup, watch: Watch): Promise<ArchiveSummary> {
    const plan = planRestore(backup.manifest, {});
    for (const job of ['load', 'dump'] as const) await this.engine.prepare(job);
    const { engine } = this;
    return this.server.use(async (session) => {
      await this.removeAbandoned(session);
      const databases = new TrialDatabases();
      const elsewhere = (steps: readonly RestoreStep[]): readonly RestoreStep[] =>
        steps.map((step) => ({ ...step, database: databases.of(step.source.database) }));
      const loaded = elsewhere(plan.steps);
      const target = { namespaces: [], serverVersion: await session.version(), prefix: '' };
      const refusal = refusalOf(
        { ...plan, steps: loaded },
        target,
        backup.manifest.source.serverVersion,
        false,
      );
      if (refusal) throw refusal;
      // Who may not drop a database must not make one either.
      for (const database of databases.all) await session.dropDatabase(database);
      try {
        if (backup.manifest.pointInTime) await checkReplay(session, { ...plan, steps: loaded });
        const proving = { ...watch, phase: 'verify', contents: true } as const;
        const { archive, plan: after } = await proveWithLog(session, backup, plan, undefined, proving);
        const work = { session, engine, backup, archive, loaded, steps: elsewhere(after.steps), prefix: '' };
        await this.compare({ ...work, watch: { ...watch, phase: 'load' } }, databases);
        return archive;
      } finally {
        await this.remove(session, databases);
      }
    });
  }

  private async compare(work: RestoreWork, databases: TrialDatabases): Promise<void> {
    const { session, archive, loaded, watch } = work;
    const views = loaded.filter(({ way }) => way === 'view');
    const isTimeSeries = new Set(archive.namespaces.filter(({ type }) => type === 'timeseries').map(nameOf));
    const edit: MetadataEdit = (namespace, metadata) => {
      const kept = withoutExpiry(metadata);
      return archive.oplog && !isTimeSeries.has(nameOf(namespace)) ? withoutIndexes(kept) : kept;
    };
    await load(
      work,
      loaded.filter((step) => !views.includes(step)),
      '',
      edit,
    );
    for (const view of views)
      await session.createView(view.database, view.collection, metadataOf(archive, view));
    const found = new Map<string, ArchiveNamespace>();
    for (const database of databases.all)
      for (const namespace of await this.dump(database, watch.signal))
        found.set(nameOf(namespace), namespace);
    const differences = loaded.flatMap((step) => {
      const expected = archive.namespaces.find((one) => nameOf(one) === nameOf(step.source))!;
      const metadata = edit(expected, expected.metadata);
      const difference = differenceOf({ ...expected, metadata }, found.get(nameOf(step)));
      return difference === undefined ? [] : [`${nameOf(step.source)} ${difference}`];
    });
    const wanted = new Set(loaded.map(nameOf));
    const more = [...found].filter(([name, { collection }]) => !wanted.has(name) && !isOurs(collection));
    differences.push(...more.map(([, { collection }]) => `${collection} came into being in a restore`));
    if (differences.length === 0) return this.replay(work);
    throw new BackupError('RESTORE_MISMATCH', {
      problem: `What comes back from the backup at ${work.backup.stored.location} is not what it holds: ${list(differences)}`,
      advice: 'restore another one',
    });
  }

  /** Onto what was compared: the log, and what it makes of indexes and views. */
  private async replay(work: RestoreWork): Promise<void> {
    if (!work.archive.oplog) return;
    const { session } = work;
    for (const { database, collection } of work.loaded.filter(({ way }) => way === 'view'))
      await session.drop(database, collection);
    await replayLog(work, false);
    for (const view of work.steps.filter(({ way }) => way === 'view'))
      await session.createView(view.database, view.collection, metadataOf(work.archive, view));
  }

  /** What is in a database now, by a dump of it that is read and not kept. */
  private async dump(database: string, signal: AbortSignal): Promise<readonly ArchiveNamespace[]> {
    const from = await this.engine.source({ database });
    const task = { kind: 'unpack', codec: 'none', zstd: undefined, key: undefined } as const;
    const thread = new ArchiveThread({ ...task, from, handOn: 'nothing', contents: true }, () => undefined);
    const stop = (): void => void thread.close();
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      return (await thread.finished).summary.namespaces;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      await thread.close();
    }
  }

  private async removeAbandoned(session: ServerSession): Promise<void> {
    const removed = await removeAbandonedTrials(session);
    if (removed.length > 0) this.log.log(`Removed what a killed verification left: ${list(removed)}`);
  }

  private async remove(session: ServerSession, databases: TrialDatabases): Promise<void> {
    await databases
      .remove(session)
      .catch((error: Error) =>
        this.log.warn(`The databases ${list(databases.all)} could not be dropped. ${error.message}`),
      );
  }
}
