import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { Logger, type LoggerService } from '@nestjs/common';
import { FloraError, shown, withoutCredentials } from '../../errors.js';
import { assembleBackupService } from '../create-backup-service.js';
import type { Command, ExitCode, Outcome } from './command.js';
import { type CommandLine, readCommandLine } from './command-line.js';
import { helpOf, helpOfCommand } from './help.js';
import { list, show, verify, health } from './look.commands.js';
import { copy, create, schedule } from './make.commands.js';
import { ProgressBar } from './progress-bar.js';
import { cleanup, remove } from './remove.commands.js';
import { recover, restore } from './restore.commands.js';
import { UsageError } from './usage-error.js';
import { plain } from './wording.js';

const COMMANDS: readonly Command[] = [
  create,
  list,
  show,
  verify,
  restore,
  cleanup,
  copy,
  remove,
  schedule,
  health,
  recover,
];

const WRONG_USE = /^INVALID_/;
const REFUSED: readonly string[] = [
  'TARGET_NOT_EMPTY',
  'RESTORE_REFUSED',
  'SERVER_TOO_OLD',
  'HOOK_FAILED',
  'LOCKED',
];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs one command to its end.
 *
 * @param args of the command line, without the program
 * @returns what the process is to end with
 */
export async function runCli(args: readonly string[]): Promise<number> {
  const asJson = args.includes('--json');
  try {
    const line = readCommandLine(args, COMMANDS);
    if (line.common.version) return print({ version: version() }, version(), asJson);
    if (line.common.help || !line.command) {
      const text = line.command ? helpOfCommand(line.command) : helpOf(COMMANDS);
      return print({ help: text }, text, asJson);
    }
    readEnvironmentFile(line.common.env);
    return await runCommand(line, line.command, asJson);
  } catch (error) {
    return fail(error, asJson);
  }
}

async function runCommand(line: CommandLine, command: Command, asJson: boolean): Promise<number> {
  const bar = new ProgressBar(!asJson && process.stderr.isTTY ? process.stderr : undefined);
  Logger.overrideLogger(onStderr(bar));
  const stop = new AbortController();
  let ended: (typeof SIGNALS)[number] | undefined;
  const end = (signal: (typeof SIGNALS)[number]): void => {
    // Whoever asks twice doesn't want to wait: what stays is hidden, and removed by the next one.
    if (ended) process.exit(128 + constants.signals[signal]);
    ended = signal;
    bar.clear();
    process.stderr.write('Stopping …\n');
    stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, end);
  try {
    const service = assembleBackupService();
    try {
      const { argument, flags } = line;
      const say = (text: string, result: object): void => void print(result, text, asJson);
      const call = { service, argument, flags, signal: stop.signal, onProgress: bar.show, say };
      const { result, text, exit = 0 } = await command.run(call).finally(() => bar.clear());
      return answer({ result, text, exit }, ended, asJson);
    } finally {
      await service.close();
    }
  } catch (error) {
    const code = fail(error, asJson);
    return ended ? 128 + constants.signals[ended] : code;
  } finally {
    for (const signal of SIGNALS) process.off(signal, end);
  }
}

/** What was done in spite of a signal was done; the schedule alone has no other end. */
function answer({ result, text, exit = 0 }: Outcome, ended: string | undefined, asJson: boolean): number {
  print(result, text, asJson);
  return ended && 'stopped' in result ? 0 : exit;
}

function print(result: object, text: string, asJson: boolean): ExitCode {
  process.stdout.write(`${asJson ? JSON.stringify(result, null, 2) : text}\n`);
  return 0;
}

function fail(error: unknown, asJson: boolean): ExitCode {
  const { message } = error as Error;
  const code = error instanceof FloraError ? error.code : 'UNKNOWN';
  const told = withoutCredentials(message);
  if (asJson) process.stdout.write(`${JSON.stringify({ error: { code, message: told } }, null, 2)}\n`);
  else
    process.stderr.write(
      `${told.split('\n').map(plain).join('\n')}${error instanceof UsageError ? '' : ` (${code})`}\n`,
    );
  if (WRONG_USE.test(code)) return 2;
  return REFUSED.includes(code) ? 4 : 1;
}

/** Standard output is for the answer alone. */
function onStderr(bar: ProgressBar): LoggerService {
  const write = (line: unknown): void => {
    bar.clear();
    process.stderr.write(`${plain(String(line))}\n`);
  };
  return { log: write, warn: write, error: write };
}

function readEnvironmentFile(path: string | undefined): void {
  if (path === undefined) return;
  try {
    process.loadEnvFile(path);
  } catch (error) {
    throw new UsageError(
      `The file ${shown(path)} of --env can't be read (${(error as NodeJS.ErrnoException).code})`,
      'give the path of a file with lines such as MONGO_URI=mongodb://…',
    );
  }
}

function version(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
