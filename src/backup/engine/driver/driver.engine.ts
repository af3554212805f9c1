import mongoose from 'mongoose';
import { BackupError } from '../../backup.errors.js';
import {
  DumpEngine,
  type DumpManner,
  type DumpSelection,
  type Load,
  type LoadSelection,
} from '../dump-engine.js';
import type { DumpSource } from '../dump-source.js';
import { LoadThread } from './load-thread.js';
import { checkRawDocuments } from './raw-documents.js';

/** The MongoDB driver, for hosts without the tools. Documents pass as bytes, in both directions, in threads. */
export class DriverEngine extends DumpEngine {
  readonly name = 'driver';

  constructor(
    private readonly uri: string,
    private readonly manner: DumpManner,
  ) {
    super();
  }

  async prepare(job: 'dump' | 'load', oplog = false): Promise<string> {
    if (oplog)
      throw new BackupError('OPLOG_UNAVAILABLE', {
        problem: 'The engine driver does not capture the log of a replica set',
        advice: "install the MongoDB database tools, for the engine 'mongodump'; it can restore such backups",
      });
    if (job === 'load') checkRawDocuments();
    return `mongoose-${mongoose.version}`;
  }

  async source(selection: DumpSelection): Promise<DumpSource> {
    const version = await this.prepare('dump', selection.oplog);
    return { engine: 'driver', task: { uri: this.uri, selection, manner: this.manner, version } };
  }

  async load(selection: LoadSelection, signal: AbortSignal): Promise<Load> {
    return new LoadThread({ uri: this.uri, selection }, signal);
  }
}
