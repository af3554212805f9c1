import type { LoggerService } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import { CronJob } from 'cron';
import { shown } from '../../errors.js';
import type { Backup } from '../backup.js';
import { BackupError } from '../backup.errors.js';
import { lastFire, nextFire } from './cron-expression.js';

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

/** The timer of a tick may be a little early by the clock. */
const EARLY_MS = 500;
/** How often the clock is looked at besides: while a timer waits for hours it may be set, or the host may sleep. */
const LOOK_MS = 30_000;
/** How far the clock may be set back without more ado: what fired is not to fire again. */
const SET_BACK_MS = 60_000;

/** Backups by a cron expression. Stopped at first. */
export class ScheduledBackup {
  readonly name: string;
  readonly cron: string;
  private readonly job: CronJob;
  private watch: NodeJS.Timeout | undefined;
  /** The next tick, as was known when the clock was looked at last. */
  private due = Infinity;
  private looked = -Infinity;
  private running = 0;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly terms: ScheduleTerms,
    private readonly run: (occasion: Occasion) => Promise<Backup | undefined>,
    private readonly registry: SchedulerRegistry,
    private readonly log: Pick<LoggerService, 'log' | 'warn' | 'error'>,
  ) {
    const { name, cron, timezone } = terms;
    this.name = name;
    this.cron = cron;
    const onTick = (): void => this.look(EARLY_MS);
    this.job = CronJob.from({ cronTime: cron, onTick, ...(timezone ? { timeZone: timezone } : {}) });
  }

  /** When it will run next, if it is started. */
  get next(): Date {
    return this.job.nextDate().toJSDate();
  }

  /**
   * Starts it; without effect when it is started already.
   *
   * @throws BackupError INVALID_SCHEDULE when another schedule, or another job of the application, has its name
   */
  start(): void {
    if (this.job.isActive) return;
    if (!this.isRegistered()) {
      if (this.registry.doesExist('cron', this.name))
        throw new BackupError('INVALID_SCHEDULE', {
          problem: `There already is a schedule, or a cron job of the application, of the name ${shown(this.name)}`,
          advice: 'give the schedule another one by the option name',
        });
      this.registry.addCronJob(this.name, this.job);
    }
    this.due = this.next.getTime();
    this.looked = Date.now();
    this.job.start();
    this.watch = setInterval(() => this.look(), LOOK_MS).unref();
    const missed = this.terms.catchUp ? lastFire(this.cron, this.terms.timezone, Date.now()) : undefined;
    if (missed !== undefined) void this.tick({ unlessSince: missed });
  }

  /** No run begins after this; one that is under way goes on. */
  stop(): void {
    clearInterval(this.watch);
    void this.job.stop();
    if (this.isRegistered()) this.registry.deleteCronJob(this.name);
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

  /** Settles when nothing runs any more. */
  async idle(): Promise<void> {
    await this.last;
  }

  /**
   * Runs what is due and has not run. After a leap of the clock, or a sleep of the host, that is the last tick alone;
   * where the clock was set back, what is due was so before, too.
   */
  private look(early = 0): void {
    const now = Date.now();
    const isSetBack = now + SET_BACK_MS < this.looked;
    this.looked = now;
    if (!this.job.isActive || (now + early < this.due && !isSetBack)) return;
    const { cron, timezone } = this.terms;
    const turn = lastFire(cron, timezone, now + early) ?? now;
    const isNew = turn >= this.due;
    this.due = nextFire(cron, timezone, turn);
    if (isNew) void this.tick({ turn });
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

  private isRegistered(): boolean {
    return (
      this.registry.doesExist('cron', this.name) &&
      this.registry.getCronJob(this.name) === (this.job as unknown)
    );
  }
}
