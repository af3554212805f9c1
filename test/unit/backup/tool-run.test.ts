import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { runTool } from '../../../src/backup/engine/tool-run.js';

it('what a tool says at once is not lost, also where it is given a password', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flora-test-'));
  const path = join(folder, 'mongodump');
  await writeFile(path, '#!/bin/sh\necho begun\n');
  await chmod(path, 0o755);
  const command = {
    name: 'mongodump',
    path,
    args: [],
    connection: { uri: 'mongodb://localhost/', secrets: { password: 'secret' } },
  } as const;
  for (let run = 0; run < 30; run++) {
    const { stdout, ended } = await runTool(command, new AbortController().signal);
    expect(await text(stdout)).toBe('begun\n');
    await ended;
  }
  await rm(folder, { recursive: true });
});
