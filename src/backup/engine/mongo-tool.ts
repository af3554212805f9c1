import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { BackupError } from '../backup.errors.js';
import type { ToolConnection } from './connection-string.js';
import { plainly, type ToolCommand, type ToolName } from './tool-run.js';

/** Where tools are looked for: each by its path, else the folder of both, else PATH. */
export type ToolPaths = Partial<Readonly<Record<ToolName | 'directory', string>>>;

/** The first with `--config`, which takes a password without showing it. */
const OLDEST = [100, 3] as const;

/** mongodump or mongorestore as a program: found and checked. */
export class MongoTool {
  constructor(
    private readonly name: ToolName,
    private readonly paths: ToolPaths,
  ) {}

  /** @throws BackupError TOOL_NOT_FOUND, TOOL_TOO_OLD */
  async version(): Promise<string> {
    const { stdout, failed } = await execa(await this.find(), ['--version'], {
      ...plainly(),
      timeout: 30_000,
    });
    const [, version, major, minor] = /version: [rv]?((\d+)\.(\d+)\S*)/.exec(stdout) ?? [];
    if (failed || version === undefined) throw this.notFound('what was found does not tell its version');
    if (Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]))
      throw new BackupError('TOOL_TOO_OLD', {
        problem: `${this.name} is of version ${version}`,
        expected: `${OLDEST.join('.')} or newer`,
        advice: 'install the MongoDB database tools of today',
      });
    return version;
  }

  /** @throws BackupError TOOL_NOT_FOUND */
  async command(args: readonly string[], connection: ToolConnection): Promise<ToolCommand> {
    return { name: this.name, path: await this.find(), args, connection };
  }

  private async find(): Promise<string> {
    const given = this.paths[this.name];
    const folders = this.paths.directory
      ? [this.paths.directory]
      : (process.env['PATH'] ?? '').split(delimiter);
    const candidates = given ? [given] : folders.filter(Boolean).map((folder) => join(folder, this.name));
    for (const path of candidates) {
      const runs = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (runs) return path;
    }
    throw this.notFound(`it is not ${given || this.paths.directory ? `at ${candidates[0]}` : 'in PATH'}`);
  }

  private notFound(problem: string): BackupError {
    return new BackupError('TOOL_NOT_FOUND', {
      problem: `${this.name} can't be used: ${problem}`,
      advice:
        "install the MongoDB database tools (https://www.mongodb.com/try/download/database-tools) and name their folder in MONGO_TOOLS_DIR or the option tools, or choose the engine 'driver' or 'auto'",
    });
  }
}
