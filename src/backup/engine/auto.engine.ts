import { Logger } from '@nestjs/common';
import { BackupError } from '../backup.errors.js';
import { DumpEngine, type DumpSelection, type Load, type LoadSelection } from './dump-engine.js';
import type { DumpSource } from './dump-source.js';

type Job = 'dump' | 'load';

/** Another engine where the first one can't be had: it is looked for before every job. */
export class AutoEngine extends DumpEngine {
  private readonly log = new Logger(AutoEngine.name);
  /** For each job its own: one of the tools may be there without the other. */
  private readonly chosen: Record<Job, DumpEngine>;
  private readonly said: Partial<Record<Job, DumpEngine>> = {};

  constructor(
    private readonly first: DumpEngine,
    private readonly otherwise: DumpEngine,
  ) {
    super();
    this.chosen = { dump: first, load: first };
  }

  /** Of the one that the last dump was prepared for. */
  get name(): string {
    return this.chosen.dump.name;
  }

  async prepare(job: Job, oplog = false): Promise<string> {
    try {
      const version = await this.first.prepare(job, oplog);
      this.choose(job, this.first, `${version} is there`);
      return version;
    } catch (error) {
      const isAbsent = error instanceof BackupError && ABSENT.includes(error.code);
      if (!isAbsent) throw error;
      this.choose(job, this.otherwise, error.message);
      return this.otherwise.prepare(job, oplog);
    }
  }

  async source(selection: DumpSelection): Promise<DumpSource> {
    return this.chosen.dump.source(selection);
  }

  async load(selection: LoadSelection, signal: AbortSignal): Promise<Load> {
    return this.chosen.load.load(selection, signal);
  }

  private choose(job: Job, engine: DumpEngine, reason: string): void {
    this.chosen[job] = engine;
    if (this.said[job] === engine) return;
    this.said[job] = engine;
    const what = job === 'dump' ? 'made' : 'restored';
    this.log.log(`Backups are ${what} by the engine ${engine.name}: ${reason}`);
  }
}

const ABSENT = ['TOOL_NOT_FOUND', 'TOOL_TOO_OLD'];
