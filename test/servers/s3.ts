import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createServer, type AddressInfo } from 'node:net';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { cacheFolder } from '../../src/flora/servers/cache-folder.js';

/** A server that speaks the language of S3. */
export interface S3Server {
  readonly url: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string };
  stop(): Promise<void>;
}

/** Where a program is, or why it isn't. */
export type S3Program = { path: string; missing?: never } | { path?: never; missing: string };

const REQUIREMENT = 'moto[s3,server]==5.2.5';

/** Where moto_server is: MOTO_SERVER_BINARY, PATH, the local cache, or brought there by Python's package installer. */
export async function findMoto(log: (line: string) => void): Promise<S3Program> {
  const cached = join(await cacheFolder(process.env), 'moto');
  const found = await find('moto_server', 'MOTO_SERVER_BINARY', [join(cached, 'bin')]);
  if (found) return found;
  try {
    log('moto_server: trying the Python package index …');
    await execa('python3', ['-m', 'venv', cached]);
    await execa(
      join(cached, 'bin', 'pip'),
      ['install', '-q', '--timeout', '5', '--retries', '1', REQUIREMENT],
      {
        timeout: 120_000,
      },
    );
    const path = join(cached, 'bin', 'moto_server');
    if (await runs(path)) return { path };
    return { missing: 'pip brought no moto_server that runs' };
  } catch (error) {
    return {
      missing: `there is no moto_server, and pip could not bring it: ${(error as Error).message.split('\n')[0]}`,
    };
  }
}

/** Where versitygw is: VERSITYGW, PATH. It is built from source in two minutes, which no test run should wait for. */
export async function findVersitygw(): Promise<S3Program> {
  const found = await find('versitygw', 'VERSITYGW');
  return found ?? { missing: 'there is no versitygw: CONTRIBUTING.md tells how to get it' };
}

/** In memory; it takes any credentials. It is ready when this resolves. */
export async function startMoto(path: string): Promise<S3Server> {
  return start(path, (port) => ['-H', '127.0.0.1', '-p', port]);
}

/** On disk, and strict: with credentials, checksums and conditions as Amazon has them. Ready when this resolves. */
export async function startVersitygw(path: string): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'flora-s3-'));
  const [data, sidecar] = [join(folder, 'data'), join(folder, 'sidecar')];
  for (const made of [data, sidecar]) await mkdir(made);
  // Beside the data, because not every file system keeps extended attributes.
  const server = await start(path, (port) => [
    '--quiet',
    '--port',
    `127.0.0.1:${port}`,
    'posix',
    '--sidecar',
    sidecar,
    data,
  ]);
  return { ...server, stop: () => server.stop().then(() => rm(folder, { recursive: true, force: true })) };
}

const credentials = { accessKeyId: 'flora', secretAccessKey: 'a secret of the bucket' };

async function start(path: string, argumentsFor: (port: string) => string[]): Promise<S3Server> {
  const port = await freePort();
  const env = {
    ...process.env,
    ROOT_ACCESS_KEY: credentials.accessKeyId,
    ROOT_SECRET_KEY: credentials.secretAccessKey,
  };
  const child = spawn(path, argumentsFor(String(port)), { stdio: 'ignore', env });
  const url = `http://127.0.0.1:${port}`;
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  for (let tries = 0; tries < 300 && child.exitCode === null; tries++) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return { url, credentials, stop: () => stop(child, end) };
    await sleep(100);
  }
  await stop(child, end);
  throw new Error(`${path} did not start`);
}

/** @param variable names the program, and then it is that one or none */
async function find(
  program: string,
  variable: string,
  more: readonly string[] = [],
): Promise<S3Program | undefined> {
  const named = process.env[variable];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...more];
  const places = named ? [named] : folders.map((folder) => join(folder, program));
  for (const path of places) if (await runs(path)) return { path };
  return named ? { missing: `${variable} is ${named}, which does not run` } : undefined;
}

async function stop(child: ChildProcess, end: () => void): Promise<void> {
  process.off('exit', end);
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function runs(path: string): Promise<boolean> {
  const found = await access(path).then(
    () => true,
    () => false,
  );
  if (!found) return false;
  const { failed } = await execa(path, ['--help'], { reject: false, timeout: 30_000 });
  return !failed;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
