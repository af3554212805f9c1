import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Variables } from './cache-folder.js';

/** A network that swallows packets is told from a slow one by this: nothing came for so long. */
const SILENCE = 10_000;

/**
 * Runs a command that fills a folder; gives up when the folder stops growing.
 *
 * @param patience in milliseconds
 * @returns what the command printed
 * @throws Error with the last line of its complaint
 */
export async function fill(
  folder: string,
  command: string,
  args: string[],
  env: Variables,
  patience = SILENCE,
): Promise<string> {
  const silence = new AbortController();
  const watch = watchGrowth(folder, patience, () => silence.abort());
  try {
    const { stdout, stderr, failed, isCanceled, code } = await execa(command, args, {
      // Whatever the command keeps for itself goes away with the folder.
      env: { ...env, TMPDIR: folder },
      extendEnv: false,
      stdin: 'ignore',
      cancelSignal: silence.signal,
      reject: false,
    });
    if (isCanceled) throw new Error(`nothing arrived for ${patience / 1_000} s`);
    if (failed) throw new Error(code ?? stderr.trim().split('\n').at(-1)?.slice(0, 200) ?? 'no reason given');
    return stdout;
  } finally {
    clearInterval(watch);
  }
}

function watchGrowth(folder: string, patience: number, onSilence: () => void): NodeJS.Timeout {
  let size = 0;
  let grownAt = Date.now();
  const look = async (): Promise<void> => {
    const now = await sizeOf(folder);
    if (now !== size) [size, grownAt] = [now, Date.now()];
    else if (Date.now() - grownAt > patience) onSilence();
  };
  return setInterval(() => void look(), 250);
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, names.length);
}
