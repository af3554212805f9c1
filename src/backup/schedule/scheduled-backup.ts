import type { LoggerService } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import { CronJob } from 'cron';
import { shown } from '../../errors.js';
import type { Backup } from '../backup.js';
import { BackupError } from '../backup.errors.js';
import { lastFire } from './cron-expression.js';

/** Why a backup is made now. */
export interface Occasion {
  /** The tick: made once by all processes together. Absent where somebody asks for a backup now. */
  readonly turn?: number | undefined;
  /** Do nothing where there is a good backup of this time or later. */
  readonly unlessSince?: number;
}

export interface ScheduleTerms {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string | undefined;
  readonly catchUp: boolean;
}

/** Ticks may come a little early by the clock. */
const EARLY_MS = 500;

/** Backups by a cron expression. Stopped at first. */
export class ScheduledBackup {
  readonly name: string;
  readonly cron: string;
  private readonly job: CronJob;
  private running = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly terms: ScheduleTerms,
    private readonly run: (occasion: Occasion) => Promise<Backup | undefined>,
    private readonly registry: SchedulerRegistry | undefined,
    private readonly log: Pick<LoggerService, 'log' | 'warn' | 'error'>,
  ) {
    const { name, cron, timezone } = terms;
    this.name = name;
    this.cron = cron;
    const onTick = (): void => void this.tick({ turn: this.lastFire(EARLY_MS) });
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
    const missed = this.terms.catchUp ? this.lastFire(0) : undefined;
    if (missed !== undefined) void this.tick({ unlessSince: missed });
  }

  /** No run begins after this; one that is under way goes on. */
  stop(): void {
    void this.job.stop();
    if (this.registry && this.isRegistered()) this.registry.deleteCronJob(this.name);
  }

  /**
   * Makes a backup now, started or not, and applies retention, as a tick would; after those that this process makes
   * for the schedule already.
   *
   * @throws BackupError LOCKED while another process makes one for this schedule
   */
  async runNow(): Promise<Backup> {
    const backup = await this.inTurn({});
    if (backup) return backup;
    throw new BackupError('LOCKED', {
      problem: `Another process makes a backup for the schedule ${this.name}`,
      advice: 'wait until it is done',
    });
  }

  /** Never two at a time, and never an error that nobody hears. */
  private async tick(occasion: Occasion): Promise<void> {
    if (this.running > 0) {
      this.log.warn(`The backup of schedule ${this.name} still runs: this one was skipped`);
      return;
    }
    try {
      const backup = await this.inTurn(occasion);
      if (backup) this.log.log(`Backup ${backup.id} was made by schedule ${this.name}`);
      else if (occasion.turn)
        this.log.log(`The backup of schedule ${this.name} is another process's this time`);
    } catch (error) {
      this.log.error(`The backup of schedule ${this.name} failed. ${(error as Error).message}`);
    }
  }

  private async inTurn(occasion: Occasion): Promise<Backup | undefined> {
    this.running++;
    const run = this.last.then(() => this.run(occasion));
    this.last = run.catch(() => undefined);
    try {
      return await run;
    } finally {
      this.running--;
    }
  }

  private lastFire(ahead: number): number | undefined {
    return lastFire(this.cron, this.terms.timezone, Date.now() + ahead);
  }

  private isRegistered(): boolean {
    return (
      this.registry !== undefined &&
      this.registry.doesExist('cron', this.name) &&
      this.registry.getCronJob(this.name) === (this.job as unknown)
    );
  }
}
