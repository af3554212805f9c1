import { finished } from 'node:stream/promises';
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
import { type Client, connect, shownFailure } from './driver-connection.js';
import { DriverLoad } from './driver-load.js';
import { checkRawDocuments } from './raw-documents.js';

/** The MongoDB driver, for hosts without the tools. Documents pass as bytes, in both directions. */
export class DriverEngine extends DumpEngine {
  readonly name = 'driver';

  constructor(
    private readonly uri: string,
    private readonly manner: DumpManner,
  ) {
    super();
  }

  async prepare(job: 'dump' | 'load'): Promise<string> {
    if (job === 'load') checkRawDocuments();
    return `mongoose-${mongoose.version}`;
  }

  async source(selection: DumpSelection): Promise<DumpSource> {
    if (selection.oplog)
      throw new BackupError('OPLOG_UNAVAILABLE', {
        problem: 'The engine driver does not capture the log of a replica set',
        advice: "install the MongoDB database tools, for the engine 'mongodump'; it can restore such backups",
      });
    const version = await this.prepare('dump');
    return { engine: 'driver', task: { uri: this.uri, selection, manner: this.manner, version } };
  }

  async load(selection: LoadSelection, signal: AbortSignal): Promise<Load> {
    const client = await this.connected(() => connect(this.uri));
    const archive = new DriverLoad(client, selection);
    const ended = this.ended(client, archive, finished(archive), signal);
    const written = ended.then(() => archive.written);
    written.catch(() => undefined);
    return { archive, finished: written };
  }

  private async connected(connect: () => Promise<Client>): Promise<Client> {
    return connect().catch((error: unknown) => Promise.reject(shownFailure(error, this.uri) as Error));
  }

  /** Lets the work end, or the signal end it, and then the connection; the stream fails as the work does. */
  private async ended(
    client: Client,
    archive: DriverLoad,
    work: Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const stop = (): void => void archive.destroy(signal.reason as Error);
    // Whoever waits for the end hears of it; whoever failed before must not bring the process down.
    archive.on('error', () => undefined);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      await work;
    } catch (error) {
      const failure = shownFailure(error, this.uri) as Error;
      archive.destroy(failure);
      throw failure;
    } finally {
      signal.removeEventListener('abort', stop);
      await client.close().catch(() => undefined);
    }
  }
}
