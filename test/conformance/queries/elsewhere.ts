import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CacheUnderTest } from './query-cache.js';
import type { PlaceServers } from './place.js';

/** A call of a model's method. */
export interface Order {
  model: 'Product' | 'Supplier';
  method: string;
  args: readonly unknown[];
  /** Whether it is asked through the cache. */
  cached?: boolean;
  lean?: boolean;
  /** So many times at once. */
  times?: number;
}

export interface Report {
  answers: unknown[];
  /** Reads that reached the database. */
  reads: number;
  error?: string;
}

/** Another process that does what it is told. */
export interface Elsewhere {
  run(order: Order): Promise<Report>;
  close(): Promise<void>;
}

const HERE = import.meta.dirname;

/** What the first of these processes has compiled, the others have; it goes with the last of them. */
const compiled = { users: 0, folder: '', first: Promise.resolve<unknown>(undefined) };

export async function startElsewhere(underTest: CacheUnderTest, servers: PlaceServers): Promise<Elsewhere> {
  const isFirst = compiled.users === 0;
  if (isFirst) compiled.folder = mkdtempSync(join(tmpdir(), 'flora-elsewhere-'));
  compiled.users += 1;
  const starting = isFirst ? start(underTest, servers) : compiled.first.then(() => start(underTest, servers));
  if (isFirst) compiled.first = starting.catch(() => {});
  try {
    const elsewhere = await starting;
    return { ...elsewhere, close: () => elsewhere.close().finally(leave) };
  } catch (error) {
    leave();
    throw error;
  }
}

function leave(): void {
  compiled.users -= 1;
  if (compiled.users === 0) rmSync(compiled.folder, { recursive: true, force: true });
}

async function start(
  { module, variant }: CacheUnderTest,
  { mongoUri, directRedisUrl, namespace }: PlaceServers,
): Promise<Elsewhere> {
  const settings = { module, variant, mongoUri, directRedisUrl, namespace };
  const child = fork(join(HERE, 'elsewhere.child.ts'), [JSON.stringify(settings)], {
    execArgv: ['--import', join(HERE, '../../fault/typescript.mjs'), '--import', 'reflect-metadata'],
    env: { FAULT_COMPILED: compiled.folder, ...process.env },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const answer = async () => (await once(child, 'message'))[0] as Report;
  const ended = once(child, 'exit').then(() => {
    throw new Error('the other process has ended');
  });
  ended.catch(() => {});
  await Promise.race([answer(), ended]);
  return {
    run: async (order) => {
      const report = Promise.race([answer(), ended]);
      child.send(order);
      const { error, ...rest } = await report;
      if (error !== undefined) throw new Error(error);
      return rest;
    },
    close: async () => {
      if (child.exitCode !== null) return;
      const exit = once(child, 'exit');
      child.disconnect();
      setTimeout(() => child.kill('SIGKILL'), 2_000).unref();
      await exit;
    },
  };
}
