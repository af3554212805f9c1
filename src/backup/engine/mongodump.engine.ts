import { resolveTxt } from 'node:dns/promises';
import { BackupError } from '../backup.errors.js';
import {
  impliedAuthSource,
  readConnectionString,
  type ToolConnection,
  toolConnection,
} from './connection-string.js';
import {
  DumpEngine,
  type DumpManner,
  type DumpSelection,
  type Load,
  type LoadSelection,
} from './dump-engine.js';
import type { DumpSource } from './dump-source.js';
import { MongoTool, type ToolPaths } from './mongo-tool.js';
import { dumpArguments, loadArguments } from './tool-arguments.js';
import { runTool } from './tool-run.js';

/** The MongoDB database tools, mongodump and mongorestore, through pipes. */
export class MongodumpEngine extends DumpEngine {
  readonly name = 'mongodump';
  private readonly mongodump: MongoTool;
  private readonly mongorestore: MongoTool;

  constructor(
    private readonly uri: string,
    paths: ToolPaths,
    private readonly manner: DumpManner,
  ) {
    super();
    this.mongodump = new MongoTool('mongodump', paths);
    this.mongorestore = new MongoTool('mongorestore', paths);
  }

  async prepare(job: 'dump' | 'load'): Promise<string> {
    return (job === 'dump' ? this.mongodump : this.mongorestore).version();
  }

  async source(selection: DumpSelection): Promise<DumpSource> {
    const args = dumpArguments(selection, this.manner);
    return {
      engine: 'mongodump',
      command: await this.mongodump.command(args, await this.connection()),
    };
  }

  async load(selection: LoadSelection, signal: AbortSignal): Promise<Load> {
    const command = await this.mongorestore.command(loadArguments(selection), await this.connection());
    const { stdin, stdout, ended } = await runTool(command, signal);
    stdout.resume();
    const finished = ended.then((lines) => {
      const { restored, failed } = lines.restored() ?? { restored: 0, failed: undefined };
      if (failed === 0) return restored;
      throw new BackupError('RESTORE_MISMATCH', {
        problem: `mongorestore could not write ${failed ?? 'an unknown number of'} documents`,
      });
    });
    finished.catch(() => undefined);
    return { archive: stdin, finished };
  }

  private async connection(): Promise<ToolConnection> {
    const connection = readConnectionString(this.uri);
    const implied = impliedAuthSource(connection);
    if (implied === undefined || implied === '$external' || connection.protocol === 'mongodb')
      return toolConnection(connection, implied);
    // The record of a seed list may name it, as drivers read it.
    const records = await resolveTxt(connection.hosts).catch(() => []);
    const options = new URLSearchParams(records.flat().join(''));
    return toolConnection(connection, options.get('authSource') ?? implied);
  }
}
