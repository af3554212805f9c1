import { join } from 'node:path';
import { execa } from 'execa';

let built: Promise<unknown> | undefined;

/** Tests of the built package and of its commands need `dist` as it would be now: built once per run. */
export async function setup(): Promise<void> {
  built ??= execa('npm', ['run', 'build'], { cwd: join(import.meta.dirname, '../..') });
  await built;
}
