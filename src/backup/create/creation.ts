import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { type Backup, describeBackup } from '../backup.js';
import { BackupError, list } from '../backup.errors.js';
import { BackupIds } from '../backup-id.js';
import { BackupOptions, refuseUnknown } from '../backup.options.js';
import { BackupCopies } from '../copies/backup-copies.js';
import { BackupStorages } from '../copies/backup-storages.js';
import { withDeadline } from './deadline.js';
import { precedent } from './precedent.js';
import { checkRoom } from './room.js';
import { totalsOf } from './totals.js';
import { type DumpPlan, type DumpRequest, incomplete, missingFrom, nameOf, planDump } from './dump-plan.js';
import { dumpRequest } from './dump-request.js';
import { EncryptionKeys } from '../encryption/encryption-keys.js';
import { DatabaseServer, type ServerNamespace, type ServerSession } from '../engine/database-server.js';
import { DumpEngine } from '../engine/dump-engine.js';
import { BackupHooks } from '../hooks/backup-hooks.js';
import type { BackupOccasion } from '../hooks/hook-events.js';
import { type Manifest, manifestNamespaces, manifestOplog, newManifest, writeManifest } from '../manifest.js';
import { checkWatch } from '../names.js';
import { type StoredDump, storeDump } from '../pipeline.js';
import type { ProgressListener } from '../progress.js';
import { SwapRecovery } from '../restore/swap-recovery.js';
import { RunQueue } from '../run-queue.js';
import type { BackupStorage } from '../storage/backup-storage.js';

export interface CreateBackupOptions {
  /** Kept with the backup; up to 200 characters. */
  label?: string | undefined;
  /** `'*'` for the whole instance. @default the database named in `uri`, else `'*'` */
  database?: string | undefined;
  /** These collections of the database only. */
  collections?: readonly string[] | undefined;
  /**
   * Capture the log of the replica set too, so that the backup is of one moment. Only with `database: '*'`.
   *
   * @default the option `oplog` of the module
   */
  oplog?: boolean | undefined;
  /** Stops the backup; nothing of it stays. */
  signal?: AbortSignal | undefined;
  onProgress?: ProgressListener | undefined;
}

/** How long the start of an application waits for a storage that doesn't answer. */
const PATIENCE_MS = 2_000;

const OPTIONS = [
  'label',
  'database',
  'collections',
  'oplog',
  'signal',
  'onProgress',
] as const satisfies (keyof CreateBackupOptions)[];

/** Makes backups. One is there only when its dump was proved whole and all of it is stored. */
@Injectable()
export class BackupCreation {
  private readonly ids = new BackupIds();
  private readonly log = new Logger(BackupCreation.name);

  constructor(
    private readonly options: BackupOptions,
    private readonly engine: DumpEngine,
    private readonly server: DatabaseServer,
    private readonly storages: BackupStorages,
    private readonly queue: RunQueue,
    private readonly keys: EncryptionKeys,
    private readonly recovery: SwapRecovery,
    private readonly copies: BackupCopies,
    private readonly hooks: BackupHooks,
  ) {}

  /**
   * @param confirm rejects when this process may not make it any more; asked just before and just after it is there,
   *   so that one which was frozen in between leaves nothing either
   */
  async create(wanted: CreateBackupOptions = {}, confirm = async (): Promise<void> => {}): Promise<Backup> {
    refuseUnknown('option of createBackup', wanted, OPTIONS);
    checkWatch(wanted.signal, wanted.onProgress);
    const request = dumpRequest(wanted, this.options);
    const { label, onProgress } = wanted;
    const occasion = { ...request, ...(label === undefined ? {} : { label }) } as BackupOccasion;
    return this.hooks.around(occasion, () =>
      this.queue.run(wanted.signal, async (signal) => {
        await this.hooks.before(occasion, signal);
        const made = await withDeadline(this.options.timeoutMs, signal, (signal) =>
          this.make(request, wanted, signal, confirm),
        );
        return this.copies.ofNew(made, { signal, onProgress });
      }),
    );
  }

  /** Removes what killed processes left behind. A storage that can't be used is said, not thrown. */
  async removeLeftovers(storages: readonly BackupStorage[] = this.storages.all): Promise<void> {
    await Promise.all(storages.map((storage) => this.removeLeftoversOf(storage)));
  }

  /** The same, and no start of an application waits long for a storage that doesn't answer. */
  async atStart(): Promise<void> {
    await Promise.race([this.removeLeftovers(), sleep(PATIENCE_MS, undefined, { ref: false })]);
  }

  private async removeLeftoversOf(storage: BackupStorage): Promise<void> {
    try {
      const removed = await storage.removeLeftovers();
      if (removed.length > 0)
        this.log.log(
          `Removed unfinished backups of processes that are gone from ${storage.location}: ${list(removed)}`,
        );
    } catch (error) {
      this.log.warn(`Unfinished backups could not be looked for. ${(error as Error).message}`);
    }
  }

  private async make(
    request: DumpRequest,
    { label, onProgress }: CreateBackupOptions,
    signal: AbortSignal,
    confirm: () => Promise<void>,
  ): Promise<Backup> {
    const begun = performance.now();
    const now = this.options.clock.now();
    const { primary } = this.storages;
    await this.removeLeftovers([primary]);
    const key = await this.keys.current();
    const version = await this.engine.prepare('dump', request.oplog);
    const plan = planDump(request, await this.server.use((session) => this.look(session, request)));
    signal.throwIfAborted();
    const totals = await totalsOf(this.server, plan.namespaces);
    const { compression } = this.options;
    if (totals) await checkRoom(primary, totals, compression.codec, () => precedent(primary, request));
    signal.throwIfAborted();

    const id = this.ids.next(now);
    const draft = await primary.begin(id);
    try {
      const { selection } = plan;
      const ask = (): Promise<unknown> => this.server.use((session) => session.version());
      const dump = await storeDump({
        engine: this.engine,
        selection,
        compression,
        key,
        draft,
        ask,
        signal,
        onProgress,
        totals,
      });
      await this.proveComplete(dump, plan, request);
      const manifest = newManifest({
        id,
        ...(label === undefined ? {} : { label }),
        createdAt: new Date(now).toISOString(),
        seconds: Math.round(performance.now() - begun) / 1_000,
        engine: { name: this.engine.name, version },
        ...contents(request, dump),
      });
      await confirm();
      signal.throwIfAborted();
      const stored = await draft.commit(writeManifest(manifest), signal);
      await confirm().catch(async (error: unknown) => {
        await primary.delete(id);
        throw error;
      });
      return describeBackup(manifest, stored.location);
    } catch (error) {
      await draft
        .discard()
        .catch((left: Error) =>
          this.log.warn(`What was begun of ${id} could not be removed. ${left.message}`),
        );
      throw error;
    }
  }

  /** What there is, once no restore is half done there. */
  private async look(
    session: ServerSession,
    { database, oplog }: DumpRequest,
  ): Promise<readonly ServerNamespace[]> {
    if (oplog && !(await session.hasOplog()))
      throw new BackupError('OPLOG_UNAVAILABLE', {
        problem: 'The server is not a member of a replica set: it keeps no log of what is written',
        expected: 'a replica set, of one member at least, for backups with the option oplog',
        advice: 'leave the option oplog out: the backup is then not of one moment',
      });
    await this.recovery.run(session, database === '*' ? '*' : [database]);
    return session.namespaces(database);
  }

  private async proveComplete({ summary }: StoredDump, plan: DumpPlan, request: DumpRequest): Promise<void> {
    if (request.oplog && !summary.oplog) throw incomplete('The dump lacks the log of the replica set');
    if (summary.oplog?.obstacle !== undefined)
      throw incomplete(
        `During the dump something was done that can't be done again at a restore: ${summary.oplog.obstacle}`,
      );
    const missing = missingFrom(summary, plan, request);
    if (missing.length === 0) return;
    const now = await this.server.use((session) => session.namespaces(request.database));
    const left = now.map(nameOf).filter((name) => missing.includes(name));
    if (left.length > 0) throw incomplete(`The dump lacks ${list(left)}`);
  }
}

function contents(
  { database, collections }: DumpRequest,
  { summary, archive }: StoredDump,
): Pick<Manifest, 'source' | 'archive' | 'namespaces' | 'oplog'> {
  const oplog = manifestOplog(summary, archive.file);
  return {
    ...(oplog ? { oplog } : {}),
    source: { database, ...(collections ? { collections } : {}), serverVersion: summary.serverVersion },
    archive,
    namespaces: manifestNamespaces(summary),
  };
}
