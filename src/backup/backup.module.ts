import { ConfigurableModuleBuilder, type DynamicModule, Global, Module, type Provider } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { BackupLocks } from './backup-locks.js';
import { type BackupModuleOptions, BackupOptions } from './backup.options.js';
import { BackupScheduler, RUN_BACKUP } from './backup.scheduler.js';
import { BackupService } from './backup.service.js';
import { BackupCatalogue, OPEN_BACKUP_AT } from './catalogue.js';
import { BackupCleanup } from './cleanup.js';
import { chosenLock, lockPlace } from './chosen-lock.js';
import { BackupCopies } from './copies/backup-copies.js';
import { BackupStorages } from './copies/backup-storages.js';
import { BackupCreation } from './create/creation.js';
import { EncryptionKeys } from './encryption/encryption-keys.js';
import { chosenEngine } from './engine/chosen-engine.js';
import { DatabaseServer } from './engine/database-server.js';
import { DumpEngine } from './engine/dump-engine.js';
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

/** For `forRootAsync({ useClass })`: makes the options of the module. */
export interface BackupOptionsFactory {
  createBackupOptions(): BackupModuleOptions | Promise<BackupModuleOptions>;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<BackupModuleOptions>()
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createBackupOptions')
  .build();

/** What the ports are made of. */
const ADAPTERS: Provider[] = [
  {
    provide: DumpEngine,
    inject: [BackupOptions],
    useFactory: chosenEngine,
  },
  {
    provide: DatabaseServer,
    inject: [BackupOptions],
    useFactory: ({ uri }: BackupOptions) => new MongoServer(uri),
  },
  { provide: BackupStorages, inject: [BackupOptions], useFactory: ({ storages }: BackupOptions) => storages },
  { provide: EncryptionKeys, inject: [BackupOptions], useFactory: ({ keys }: BackupOptions) => keys },
  {
    provide: BackupLocks,
    inject: [BackupOptions],
    useFactory: (options: BackupOptions) => new BackupLocks(chosenLock(options), lockPlace(options)),
  },
  { provide: OPEN_BACKUP_AT, useValue: openBackupAt },
];

/**
 * Backups for the whole application: `BackupService` and `BackupScheduler` can be injected anywhere. What the options
 * leave open is read from the environment when the module is made, through ConfigService where the application has
 * a global ConfigModule, else from `process.env`.
 *
 * It never imports ScheduleModule: an application that has it gets the schedule in its SchedulerRegistry.
 */
@Global()
@Module({
  providers: [
    {
      provide: BackupOptions,
      inject: [MODULE_OPTIONS_TOKEN, { token: ConfigService, optional: true }],
      useFactory: (options: BackupModuleOptions, config?: ConfigService) =>
        new BackupOptions(options, config && ((name) => config.get<unknown>(name))),
    },
    ...ADAPTERS,
    {
      provide: RUN_BACKUP,
      inject: [
        BackupCreation,
        BackupCleanup,
        BackupCopies,
        BackupCatalogue,
        BackupLocks,
        DatabaseServer,
        BackupOptions,
      ],
      useFactory: backupAndCleanUp,
    },
    RunQueue,
    BackupHooks,
    BackupHealthCheck,
    BackupCatalogue,
    BackupCopies,
    BackupCreation,
    BackupCleanup,
    Verification,
    Restoration,
    RestoreTrial,
    SwapRecovery,
    BackupScheduler,
    BackupService,
  ],
  exports: [BackupService, BackupScheduler],
})
export class BackupModule extends ConfigurableModuleClass {
  static override forRoot(options: BackupModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}
