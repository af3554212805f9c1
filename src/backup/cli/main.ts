#!/usr/bin/env node
import { runCli } from './run.js';

/** Who reads may leave before the end, as `| head -1` does: what was begun is done all the same. */
const LEFT: readonly unknown[] = ['EPIPE', 'ERR_STREAM_DESTROYED'];

async function main(): Promise<void> {
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // An answer that could not be written, to a full disk for example, was not given.
    if (!LEFT.includes(code)) process.once('exit', () => (process.exitCode ||= 1));
  });
  process.exitCode = await runCli(process.argv.slice(2));
}

void main();
