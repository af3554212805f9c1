import { pipeline } from 'node:stream/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { ArchiveNamespace, ArchiveSummary } from '../archive/archive-summary.js';
import { BackupError, list } from '../backup.errors.js';
import type { RestorableBackup } from '../catalogue.js';
import { nameOf } from '../create/dump-plan.js';
import { DatabaseServer, type ServerSession } from '../engine/database-server.js';
import { DumpEngine } from '../engine/dump-engine.js';
import { readProved, type Watch } from '../proof.js';
import { ArchiveThread } from '../thread/archive-thread.js';
import { load, metadataOf, type RestoreWork } from './load-beside.js';
import { planRestore } from './restore-plan.js';
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
    const databases = new TrialDatabases();
    const steps = plan.steps.map((step) => ({ ...step, database: databases.of(step.source.database) }));
    const archive = await readProved(backup, { ...watch, phase: 'verify', contents: true });
    await this.server.use(async (session) => {
      await this.removeAbandoned(session);
      const target = { namespaces: [], serverVersion: await session.version(), prefix: '' };
      const refusal = refusalOf({ ...plan, steps }, target, backup.manifest.source.serverVersion, false);
      if (refusal) throw refusal;
      const { engine } = this;
      try {
        const work = { session, engine, backup, archive, steps, prefix: '', watch };
        await this.compare({ ...work, watch: { ...watch, phase: 'load' } }, databases);
      } finally {
        await this.remove(session, databases);
      }
    });
    return archive;
  }

  private async compare(work: RestoreWork, databases: TrialDatabases): Promise<void> {
    const { session, steps, watch } = work;
    const views = steps.filter(({ way }) => way === 'view');
    const others = steps.filter((step) => !views.includes(step));
    await load(work, others, '', (_, metadata) => withoutExpiry(metadata));
    for (const view of views)
      await session.createView(view.database, view.collection, metadataOf(work, view));
    const found = new Map<string, ArchiveNamespace>();
    for (const database of databases.all)
      for (const namespace of await this.dump(database, watch.signal))
        found.set(nameOf(namespace), namespace);
    const differences = steps.flatMap((step) => {
      const expected = work.archive.namespaces.find((one) => nameOf(one) === nameOf(step.source))!;
      const difference = differenceOf(expected, found.get(nameOf(step)));
      return difference === undefined ? [] : [`${nameOf(step.source)} ${difference}`];
    });
    const wanted = new Set(steps.map(nameOf));
    const more = [...found].filter(([name, { collection }]) => !wanted.has(name) && !isOurs(collection));
    differences.push(...more.map(([, { collection }]) => `${collection} came into being in a restore`));
    if (differences.length === 0) return;
    throw new BackupError('RESTORE_MISMATCH', {
      problem: `What comes back from the backup at ${work.backup.stored.location} is not what it holds: ${list(differences)}`,
      advice: 'restore another one',
    });
  }

  /** What is in a database now, by a dump of it that is read and not kept. */
  private async dump(database: string, signal: AbortSignal): Promise<readonly ArchiveNamespace[]> {
    const stop = new AbortController();
    const dump = await this.engine.dump({ database }, AbortSignal.any([signal, stop.signal]));
    const task = { kind: 'unpack', codec: 'none', zstd: undefined, key: undefined } as const;
    const thread = new ArchiveThread({ ...task, handOn: false, contents: true }, () => undefined);
    const parts = [pipeline(dump.archive, thread.input, { signal }), thread.finished, dump.finished];
    for (const part of parts) part.catch(() => stop.abort());
    try {
      await Promise.all(parts);
      return (await thread.finished).summary.namespaces;
    } catch (error) {
      signal.throwIfAborted();
      // A tool that fails cuts its archive short: its own word is the cause.
      await dump.finished;
      throw error;
    } finally {
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
