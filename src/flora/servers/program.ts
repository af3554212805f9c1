import { dirname, join } from 'node:path';
import { execa } from 'execa';

/** What is looked for: one or more programs that lie in one folder. */
export interface Program {
  /** How people call it. */
  product: string;
  /** File names; the first stands for all of them. */
  files: readonly [string, ...string[]];
  /** Older ones are passed over. */
  oldest: string;
  /** What the reader can do when there is none. */
  advice: string;
}

export const MONGOD: Program = {
  product: 'MongoDB',
  files: ['mongod'],
  oldest: '5.0.0',
  advice: 'install MongoDB, name its mongod in MONGOD_BINARY, or set MONGO_URI to a server that already runs',
};

export const REDIS_SERVER: Program = {
  product: 'Redis',
  files: ['redis-server'],
  // ZADD GT and RESP3, without which the cache can't keep its promises.
  oldest: '6.2.0',
  advice:
    'install Redis, name its redis-server in REDIS_SERVER_BINARY, or set REDIS_URL to a server that already runs',
};

export const MONGO_TOOLS: Program = {
  product: 'MongoDB tools',
  files: ['mongodump', 'mongorestore'],
  oldest: '100.0.0',
  advice: 'install the MongoDB Database Tools, or name their folder in MONGO_TOOLS_DIR',
};

/**
 * The version of a program, learned by running every one of its files.
 *
 * @param path of its first file; the others lie beside it
 * @throws Error when one of them does not run here, or is too old
 */
export async function versionOf(program: Program, path: string): Promise<string> {
  const [first, ...others] = program.files;
  const version = await askVersion(first, path);
  for (const file of others) await askVersion(file, join(dirname(path), file));
  if (isOlder(version, program.oldest))
    throw new Error(`${version} is too old, ${program.oldest} is the oldest`);
  return version;
}

async function askVersion(name: string, path: string): Promise<string> {
  const { stdout, stderr, failed, code, exitCode } = await execa(path, ['--version'], {
    stdin: 'ignore',
    timeout: 30_000,
    reject: false,
  });
  if (code === 'ENOENT') throw new Error(`there is no ${name}`);
  const version = failed ? undefined : /\d+\.\d+\.\d+/.exec(stdout)?.[0];
  if (version !== undefined) return version;
  const complaint = stderr?.trim().split('\n').at(-1)?.slice(0, 200) || code || `exit code ${exitCode}`;
  throw new Error(`${name} does not run on this machine (${complaint})`);
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0;
}
