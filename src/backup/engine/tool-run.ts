import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import type { ToolConnection } from './connection-string.js';
import { scrub } from './scrub.js';
import { secretFile } from './secret-file.js';
import { toolFailure } from './tool-failure.js';
import { LastLines } from './tool-output.js';

export type ToolName = 'mongodump' | 'mongorestore';

/** A tool, and what it is to do. */
export interface ToolCommand {
  readonly name: ToolName;
  readonly path: string;
  readonly args: readonly string[];
  readonly connection: ToolConnection;
}

export interface ToolRun {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Rejects unless the tool ended by itself with exit code 0. */
  readonly ended: Promise<LastLines>;
}

/** All of the environment that a tool gets to see: where the host keeps its certificates. */
const ENVIRONMENT = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'SystemRoot'];

/** Time for a tool to end by itself before it is killed. */
const GRACE_MS = 5_000;

/** Starts a tool on an archive, without a shell and without a secret in sight. */
export async function runTool(
  { name, path, args, connection: { uri, secrets } }: ToolCommand,
  signal: AbortSignal,
): Promise<ToolRun> {
  const hidden = Object.values(secrets);
  const file = hidden.length > 0 ? await secretFile(secrets) : undefined;
  try {
    const config = file ? ['--config=/dev/fd/3'] : [];
    const child = execa(path, [`--uri=${uri}`, ...config, '--archive', ...args], {
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
      throw toolFailure(name, { exitCode, signal }, scrub(reason ?? '', hidden));
    });
    // Whoever waits for it hears of it; whoever failed before must not bring the process down.
    ended.catch(() => undefined);
    return { stdin: child.stdin, stdout: child.stdout, ended };
  } finally {
    // Not waited for: execa lets run off what nobody reads within a turn of the event loop. The tool has its own copy.
    void file?.close().catch(() => undefined);
  }
}

/**
 * How every tool is run. Without execa's `cleanup`: what would end the tool with us listens to SIGXFSZ too, and so
 * turns a full quota into the end of the process; a tool whose other end of the pipe is gone ends by itself.
 */
export function plainly() {
  const seen = ENVIRONMENT.map((name) => [name, process.env[name]] as const);
  const env = Object.fromEntries(seen.filter((entry): entry is [string, string] => entry[1] !== undefined));
  return { reject: false, cleanup: false, extendEnv: false, env } as const;
}
