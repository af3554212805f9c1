import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished } from 'vitest';

const DIST = join(import.meta.dirname, '../../dist/flora');

/** A command of the built package that runs by itself, in an empty folder and with a temporary folder of its own. */
export interface Command {
  pid: number;
  /** What it has printed so far. */
  printed(): string;
  /** Waits until it has printed that. Gives what matched. */
  until(what: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** Waits for its end. */
  ended(): Promise<{ exitCode: number | undefined; printed: string }>;
  /** Processes with its folders in their arguments, and files in those; given a moment to go. */
  leftovers(): Promise<string[]>;
}

/** Starts `main` or `tour`. Servers are its own unless `env` names some. `belowShell`: signals go to a shell above it. */
export async function startCommand(
  name: 'main' | 'tour',
  env: Record<string, string> = {},
  { belowShell = false } = {},
): Promise<Command> {
  const folder = await mkdtemp(join(tmpdir(), 'flora-command-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const part of ['work', 'tmp']) await mkdir(join(folder, part));
  let printed = '';
  const node = ['node', join(DIST, `${name}.js`)];
  const child = execa('sh', ['-c', belowShell ? '"$@"; exit' : 'exec "$@"', 'sh', ...node], {
    cwd: join(folder, 'work'),
    env: { ...process.env, MONGO_URI: '', REDIS_URL: '', PORT: '0', TMPDIR: join(folder, 'tmp'), ...env },
    all: true,
    reject: false,
  });
  child.all.on('data', (chunk: Buffer) => (printed += String(chunk)));
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    pid: child.pid as number,
    printed: () => printed,
    until: async (what) => {
      const isThere = (): boolean => what.test(printed) || child.exitCode !== null;
      await expect.poll(isThere, { timeout: 90_000 }).toBe(true);
      const found = what.exec(printed);
      if (found === null) throw new Error(`It ended without printing ${String(what)}:\n${printed}`);
      return found;
    },
    kill: (signal) => void child.kill(signal),
    ended: async () => {
      const { exitCode } = await child;
      return { exitCode, printed };
    },
    leftovers: async () => {
      const look = async (): Promise<string[]> => [
        ...(await processesOf(folder)),
        ...(await filesOf(folder)),
      ];
      await expect
        .poll(look, { timeout: 10_000 })
        .toEqual([])
        .catch(() => {});
      return look();
    },
  };
}

async function processesOf(folder: string): Promise<string[]> {
  const { stdout } = await execa('ps', ['-eo', 'pid=,args=']);
  return stdout.split('\n').filter((line) => line.includes(folder));
}

async function filesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name !== 'tmp' && name !== 'work');
}
