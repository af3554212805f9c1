import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  Optional,
} from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import type { Backup } from './backup.js';
import { BackupOptions, refuseUnknown } from './backup.options.js';
import type { CreateBackupOptions } from './create/creation.js';
import { dumpRequest } from './create/dump-request.js';
import { checkShortText, checkSwitch } from './names.js';
import { checkSchedule } from './schedule/cron-expression.js';
import { type Occasion, ScheduledBackup } from './schedule/scheduled-backup.js';

export interface RunOccasion extends Occasion {
  /** The name of the schedule: under it processes agree on who makes the backup. */
  readonly schedule: string;
}

/** Makes one backup and then removes what retention lets go; undefined when another process does, or has. */
export type RunBackup = (options: CreateBackupOptions, occasion: RunOccasion) => Promise<Backup | undefined>;
export const RUN_BACKUP = Symbol('RUN_BACKUP');

export interface ScheduleOptions extends Pick<CreateBackupOptions, 'label' | 'database' | 'collections'> {
  /** Under which the job is found in the SchedulerRegistry. @default 'flora-backup', numbered from the second on */
  name?: string | undefined;
  /** In which the expression is read. @default the option `timezone` of the module */
  timezone?: string | undefined;
  /**
   * Make a backup as soon as the schedule is started, when it should have run since the newest good one was made (or
   * there is none): the application was not running then, or the backup failed. @default the option `catchUp`
   */
  catchUp?: boolean | undefined;
}

/**
 * Runs backups by cron: in the application's SchedulerRegistry where it has imported ScheduleModule, else by jobs of
 * its own. It knows how to run a backup and nothing else about them.
 */
@Injectable()
export class BackupScheduler implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly scheduled: ScheduledBackup[] = [];
  private readonly log = new Logger(BackupScheduler.name);

  constructor(
    private readonly options: BackupOptions,
    @Inject(RUN_BACKUP) private readonly run: RunBackup,
    @Optional() private readonly registry: SchedulerRegistry = new SchedulerRegistry(),
  ) {}

  /**
   * @param cron five fields, or six with seconds first
   * @returns a schedule that is stopped; `start()` starts it
   * @throws BackupError INVALID_SCHEDULE, INVALID_OPTIONS
   */
  scheduleBackups(cron: string, options: ScheduleOptions = {}): ScheduledBackup {
    refuseUnknown('option of scheduleBackups', options, [
      'name',
      'timezone',
      'catchUp',
      'label',
      'database',
      'collections',
    ]);
    const {
      timezone = this.options.timezone,
      name = this.nextName(),
      catchUp = this.options.catchUp,
      ...what
    } = options;
    checkSchedule(cron, timezone);
    checkSwitch('catchUp', catchUp);
    checkShortText('option name', name);
    dumpRequest(what, this.options);
    const scheduled = new ScheduledBackup(
      { name, cron, timezone, catchUp },
      (occasion) => this.run(what, { schedule: name, ...occasion }),
      this.registry,
      this.log,
    );
    this.scheduled.push(scheduled);
    return scheduled;
  }

  /** Starts the schedule of the module's options. */
  onApplicationBootstrap(): void {
    if (this.options.schedule !== false) this.scheduleBackups(this.options.schedule).start();
  }

  beforeApplicationShutdown(): void {
    this.stop();
  }

  /** Stops all schedules. What runs is not stopped by this. */
  stop(): void {
    for (const scheduled of this.scheduled) scheduled.stop();
  }

  /** Settles when no run of a schedule is under way, with the retention and the copies that follow a backup. */
  async idle(): Promise<void> {
    await Promise.all(this.scheduled.map((scheduled) => scheduled.idle()));
  }

  private nextName(): string {
    return this.scheduled.length === 0 ? 'flora-backup' : `flora-backup-${this.scheduled.length + 1}`;
  }
}
