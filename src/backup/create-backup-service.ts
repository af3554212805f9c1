import { BackupLocks } from './backup-locks.js';
import { type BackupModuleOptions, BackupOptions } from './backup.options.js';
import { BackupScheduler } from './backup.scheduler.js';
import { BackupService } from './backup.service.js';
import { BackupCatalogue } from './catalogue.js';
import { BackupCleanup } from './cleanup.js';
import { chosenLock, lockPlace } from './chosen-lock.js';
import { BackupCopies } from './copies/backup-copies.js';
import { BackupCreation } from './create/creation.js';
import { chosenEngine } from './engine/chosen-engine.js';
import { MongoServer } from './engine/mongo.server.js';
import { BackupHealthCheck } from './health.js';
import { BackupHooks } from './hooks/backup-hooks.js';
import { Restoration } from './restore/restoration.js';
import { SwapRecovery } from './restore/swap-recovery.js';
import { RestoreTrial } from './restore/trial.js';
import { RunQueue } from './run-queue.js';
import { backupAndCleanUp } from './schedule/scheduled-run.js';
import { openBackupAt } from './storage/disk.stored-backup.js';
import { Verification } from './verification.js';

/**
 * The backup service without Nest. What the options leave open is read from `process.env`. The schedule of the
 * options doesn't start by itself: there is no application to start it. `close()` it in the end.
 *
 * @throws BackupError INVALID_OPTIONS, INVALID_RETENTION, INVALID_SCHEDULE; DurationError; EnvironmentError
 */
export async function createBackupService(options?: BackupModuleOptions): Promise<BackupService> {
  const service = assembleBackupService(options);
  await service.onApplicationBootstrap();
  return service;
}

/** The same, and nothing is looked at or asked before the first call. */
export function assembleBackupService(options?: BackupModuleOptions): BackupService {
  const all = new BackupOptions(options);
  const engine = chosenEngine(all);
  const server = new MongoServer(all.uri);
  const queue = new RunQueue();
  const locks = new BackupLocks(chosenLock(all), lockPlace(all));
  const recovery = new SwapRecovery(server, locks);
  const catalogue = new BackupCatalogue(all.storages, openBackupAt, all.keys, all);
  const hooks = new BackupHooks(all);
  const copies = new BackupCopies(all, all.storages, catalogue, queue, hooks);
  const creation = new BackupCreation(
    all,
    engine,
    server,
    all.storages,
    queue,
    all.keys,
    recovery,
    copies,
    hooks,
  );
  const cleanup = new BackupCleanup(all, catalogue);
  return new BackupService(
    creation,
    catalogue,
    new Verification(catalogue, new RestoreTrial(engine, server), queue),
    new Restoration(catalogue, engine, server, queue, locks, recovery),
    cleanup,
    copies,
    new BackupScheduler(all, backupAndCleanUp(creation, cleanup, copies, catalogue, locks, server, all)),
    queue,
    recovery,
    locks,
    hooks,
    new BackupHealthCheck(all, catalogue),
  );
}
