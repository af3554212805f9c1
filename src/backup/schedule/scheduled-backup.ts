import type { LoggerService } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import { CronJob } from 'cron';
import { shown } from '../../errors.js';
import type { Backup } from '../backup.js';
import { BackupError } from '../backup.errors.js';

/** Backups by a cron expression. Stopped at first. */
export class ScheduledBackup {
  private readonly job: CronJob;
  private running = false;

  constructor(
    readonly name: string,
    readonly cron: string,
    timezone: string | undefined,
    private readonly run: () => Promise<Backup>,
    private readonly registry: SchedulerRegistry | undefined,
    private readonly log: Pick<LoggerService, 'log' | 'warn' | 'error'>,
  ) {
    const onTick = (): void => void this.tick();
    this.job = CronJob.from({ cronTime: cron, onTick, ...(timezone ? { timeZone: timezone } : {}) });
  }

  /** When it will run next, if it is started. */
  get next(): Date {
    return this.job.nextDate().toJSDate();
  }

  /**
   * Starts it; without effect when it is started already.
   *
   * @throws BackupError INVALID_SCHEDULE when another job of the application has its name
   */
  start(): void {
    if (this.job.isActive) return;
    if (this.registry && !this.isRegistered()) {
      if (this.registry.doesExist('cron', this.name))
        throw new BackupError('INVALID_SCHEDULE', {
          problem: `The application already has a cron job of the name ${shown(this.name)}`,
          advice: 'give the schedule another one by the option name',
        });
      this.registry.addCronJob(this.name, this.job);
    }
    this.job.start();
  }

  /** No run begins after this; one that is under way goes on. */
  stop(): void {
    void this.job.stop();
    if (this.registry && this.isRegistered()) this.registry.deleteCronJob(this.name);
  }

  /** Makes a backup now, started or not, and applies retention, as a tick would. */
  async runNow(): Promise<Backup> {
    this.running = true;
    try {
      return await this.run();
    } finally {
      this.running = false;
    }
  }

  /** Never two at a time, and never an error that nobody hears. */
  private async tick(): Promise<void> {
    if (this.running) {
      this.log.warn(`The backup of schedule ${this.name} still runs: this one was skipped`);
      return;
    }
    try {
      const { id } = await this.runNow();
      this.log.log(`Backup ${id} was made by schedule ${this.name}`);
    } catch (error) {
      this.log.error(`The backup of schedule ${this.name} failed. ${(error as Error).message}`);
    }
  }

  private isRegistered(): boolean {
    return (
      this.registry !== undefined &&
      this.registry.doesExist('cron', this.name) &&
      this.registry.getCronJob(this.name) === (this.job as unknown)
    );
  }
}
