import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const hasLinter = existsSync(join(ROOT, 'node_modules/.bin/dclint'));

it.skipIf(!hasLinter)(
  `docker-compose.yml keeps to the compose specification${hasLinter ? '' : ' [skipped: dclint is not installed]'}`,
  async () => {
    const { all, exitCode } = await execa('dclint', ['--max-warnings', '0', 'docker-compose.yml'], {
      cwd: ROOT,
      preferLocal: true,
      all: true,
      reject: false,
    });
    expect([exitCode, all.trim()]).toEqual([0, '']);
  },
  30_000,
);
