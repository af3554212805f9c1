import { Logger } from '@nestjs/common';
import { BackupError } from '../backup.errors.js';
import { DumpEngine, type DumpSelection, type Load, type LoadSelection } from './dump-engine.js';
import type { DumpSource } from './dump-source.js';

/** Another engine where the first one can't be had: it is looked for before every job. */
export class AutoEngine extends DumpEngine {
  private readonly log = new Logger(AutoEngine.name);
  private chosen: DumpEngine;
  private said: DumpEngine | undefined;

  constructor(
    private readonly first: DumpEngine,
    private readonly otherwise: DumpEngine,
  ) {
    super();
    this.chosen = first;
  }

  /** Of the one that the last job was prepared for. */
  get name(): string {
    return this.chosen.name;
  }

  async prepare(job: 'dump' | 'load'): Promise<string> {
    try {
      const version = await this.first.prepare(job);
      this.choose(this.first, `${version} is there`);
      return version;
    } catch (error) {
      const isAbsent = error instanceof BackupError && ABSENT.includes(error.code);
      if (!isAbsent) throw error;
      const version = await this.otherwise.prepare(job);
      this.choose(this.otherwise, error.message);
      return version;
    }
  }

  async source(selection: DumpSelection): Promise<DumpSource> {
    return this.chosen.source(selection);
  }

  async load(selection: LoadSelection, signal: AbortSignal): Promise<Load> {
    return this.chosen.load(selection, signal);
  }

  private choose(engine: DumpEngine, reason: string): void {
    this.chosen = engine;
    if (this.said === engine) return;
    this.said = engine;
    this.log.log(`Backups are made and restored by the engine ${engine.name}: ${reason}`);
  }
}

const ABSENT = ['TOOL_NOT_FOUND', 'TOOL_TOO_OLD'];
