import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { BackupError } from '../backup.errors.js';
import type { ToolConnection } from './connection-string.js';
import { scrub } from './scrub.js';
import { secretFile } from './secret-file.js';
import { toolFailure } from './tool-failure.js';
import { LastLines } from './tool-output.js';

export type ToolName = 'mongodump' | 'mongorestore';

/** Where tools are looked for: each by its path, else the folder of both, else PATH. */
export type ToolPaths = Partial<Readonly<Record<ToolName | 'directory', string>>>;

/** The first with `--config`, which takes a password without showing it. */
const OLDEST = [100, 3] as const;

/** All of the environment that a tool gets to see: where the host keeps its certificates. */
const ENVIRONMENT = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'SystemRoot'];

/** Time for a tool to end by itself before it is killed. */
const GRACE_MS = 5_000;

export interface ToolRun {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Rejects unless the tool ended by itself with exit code 0. */
  readonly ended: Promise<LastLines>;
}

/** mongodump or mongorestore as a program: found, checked, started without a shell and without a secret in sight. */
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

  async start(args: readonly string[], connection: ToolConnection, signal: AbortSignal): Promise<ToolRun> {
    const path = await this.find();
    const secrets = Object.values(connection.secrets);
    const file = secrets.length > 0 ? await secretFile(connection.secrets) : undefined;
    try {
      const config = file ? ['--config=/dev/fd/3'] : [];
      const child = execa(path, [`--uri=${connection.uri}`, ...config, '--archive', ...args], {
        // Any open descriptor will do; the types know only small ones.
        stdio: ['pipe', 'pipe', 'pipe', (file?.fd as 3) ?? 'ignore'],
        buffer: false,
        ...plainly(),
        cancelSignal: signal,
        forceKillAfterDelay: GRACE_MS,
      });
      const lines = new LastLines();
      child.stderr.setEncoding('utf8').on('data', (text: string) => lines.add(text));
      const ended = child.then(({ failed, exitCode, signal, originalMessage }) => {
        // A pipe that broke is not the tool's failure when it says that it succeeded: others judge what it did.
        if (!failed || (exitCode === 0 && signal === undefined)) return lines;
        const reason = exitCode === undefined && signal === undefined ? originalMessage : lines.reason();
        throw toolFailure(this.name, { exitCode, signal }, scrub(reason ?? '', secrets));
      });
      // Whoever waits for it hears of it; whoever failed before must not bring the process down.
      ended.catch(() => undefined);
      return { stdin: child.stdin, stdout: child.stdout, ended };
    } finally {
      await file?.close();
    }
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

/**
 * How every tool is run. Without execa's `cleanup`: what would end the tool with us listens to SIGXFSZ too, and so
 * turns a full quota into the end of the process; a tool whose other end of the pipe is gone ends by itself.
 */
function plainly() {
  const seen = ENVIRONMENT.map((name) => [name, process.env[name]] as const);
  const env = Object.fromEntries(seen.filter((entry): entry is [string, string] => entry[1] !== undefined));
  return { reject: false, cleanup: false, extendEnv: false, env } as const;
}
