import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createServer, type AddressInfo } from 'node:net';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { cacheFolder } from '../../src/flora/servers/cache-folder.js';

/** A server that speaks the language of S3, in memory. */
export interface S3Server {
  readonly url: string;
  stop(): Promise<void>;
}

const REQUIREMENT = 'moto[s3,server]==5.2.5';

/** Where moto_server is: MOTO_SERVER_BINARY, PATH, the local cache, or brought there by Python's package installer. */
export async function findMoto(log: (line: string) => void): Promise<{ path: string } | { missing: string }> {
  const named = process.env['MOTO_SERVER_BINARY'];
  const cached = join(await cacheFolder(process.env), 'moto');
  const places = named
    ? [named]
    : [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), join(cached, 'bin')].map((folder) =>
        join(folder, 'moto_server'),
      );
  for (const path of places) if (await runs(path)) return { path };
  if (named) return { missing: `MOTO_SERVER_BINARY is ${named}, which does not run` };
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

/** Starts one; it is ready when this resolves. */
export async function startMoto(path: string): Promise<S3Server> {
  const port = await freePort();
  const child = spawn(path, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  for (let tries = 0; tries < 300 && child.exitCode === null; tries++) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return { url, stop: () => stop(child, end) };
    await sleep(100);
  }
  await stop(child, end);
  throw new Error('moto_server did not start');
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
