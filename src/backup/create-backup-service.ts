import { BackupLocks } from './backup-locks.js';
import { type BackupModuleOptions, BackupOptions } from './backup.options.js';
import { BackupScheduler } from './backup.scheduler.js';
import { BackupService } from './backup.service.js';
import { BackupCatalogue } from './catalogue.js';
import { BackupCleanup } from './cleanup.js';
import { chosenLock, lockPlace } from './chosen-lock.js';
import { BackupCreation } from './create/creation.js';
import { MongoServer } from './engine/mongo.server.js';
import { MongodumpEngine } from './engine/mongodump.engine.js';
import { Restoration } from './restore/restoration.js';
import { SwapRecovery } from './restore/swap-recovery.js';
import { RestoreTrial } from './restore/trial.js';
import { RunQueue } from './run-queue.js';
import { backupAndCleanUp } from './schedule/scheduled-run.js';
import { DiskStorage } from './storage/disk.storage.js';
import { openBackupAt } from './storage/disk.stored-backup.js';
import { Verification } from './verification.js';

/**
 * The backup service without Nest. What the options leave open is read from `process.env`. The schedule of the
 * options doesn't start by itself: there is no application to start it. `close()` it in the end.
 *
 * @throws BackupError INVALID_OPTIONS, INVALID_RETENTION, INVALID_SCHEDULE; DurationError; EnvironmentError
 */
export async function createBackupService(options?: BackupModuleOptions): Promise<BackupService> {
  const all = new BackupOptions(options);
  const engine = new MongodumpEngine(all.uri, all.tools);
  const server = new MongoServer(all.uri);
  const storage = all.storage === 'disk' ? new DiskStorage(all.directory) : all.storage;
  const queue = new RunQueue();
  const locks = new BackupLocks(chosenLock(all), lockPlace(all));
  const recovery = new SwapRecovery(server, locks);
  const catalogue = new BackupCatalogue(storage, openBackupAt, all.keys);
  const creation = new BackupCreation(all, engine, server, storage, queue, all.keys, recovery);
  const cleanup = new BackupCleanup(all, catalogue);
  const service = new BackupService(
    creation,
    catalogue,
    new Verification(catalogue, new RestoreTrial(engine, server), queue),
    new Restoration(catalogue, engine, server, queue, locks, recovery),
    cleanup,
    new BackupScheduler(all, backupAndCleanUp(creation, cleanup, catalogue, locks, all)),
    queue,
    recovery,
    locks,
  );
  await service.onApplicationBootstrap();
  return service;
}
