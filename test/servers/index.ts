import { randomBytes } from 'node:crypto';
import { describe, inject } from 'vitest';
import { type MongodOptions, startMongod } from '../../src/flora/servers/mongod.js';
import { type RedisServerOptions, startRedisServer } from '../../src/flora/servers/redis-server.js';
import type { RunningServer } from '../../src/flora/servers/start-server.js';
import type { Provided } from './global-setup.js';
import { type S3Server, startMoto, startVersitygw } from './s3.js';
import { withDatabase } from '../../src/flora/servers/with-database.js';

export type { RunningServer } from '../../src/flora/servers/start-server.js';

/** What a test needs; `mongod` and `redis-server` are the programs, for tests that start servers of their own. */
export type Need = Exclude<keyof Provided, 'run'>;

/**
 * `describe` for tests that need real servers or tools. Where one can't be had they are reported as skipped, with
 * the reason in the name. The servers may be asked for in hooks and tests, not in the body itself.
 */
export function describeWith(needs: Need | readonly Need[], name: string, tests: () => void): void {
  const reasons = [needs].flat().map((need) => inject('servers')[need].missing);
  const reason = reasons.find((reason) => reason !== undefined);
  const why = reason ? ` [skipped: ${reason}]` : '';
  describe.skipIf(reason)(`${name}${why}`, () => {
    tests();
  });
}

/** Servers that speak the language of S3: moto for every run, versitygw where it is found. */
const BUCKETS = ['moto', 'versitygw'] as const satisfies Need[];
export type BucketServer = (typeof BUCKETS)[number];

/** `describeWith`, once for each server that has buckets. */
export function describeBuckets(
  needs: readonly Need[],
  name: string,
  tests: (server: BucketServer) => void,
): void {
  for (const server of BUCKETS) describeWith([...needs, server], `${name} (${server})`, () => tests(server));
}

/** The URI of a new, empty database on the MongoDB that all tests share. It is dropped after the run. */
export function mongo(): string {
  return withDatabase(had('mongo'), unique());
}

/** The Redis that all tests share, and a namespace that no other test uses. Its keys are removed after the run. */
export function redis(): { url: string; namespace: string } {
  return { url: had('redis'), namespace: unique() };
}

/** The folder with mongodump and mongorestore. */
export function tools(): string {
  return had('tools');
}

/** A mongod that may be stopped, frozen and killed. Without options: a replica set of one, and no users. */
export async function startOwnMongo(options?: MongodOptions): Promise<RunningServer> {
  return startMongod(program('mongod'), options);
}

/** A redis-server that may be stopped, frozen and killed. */
export async function startOwnRedis(options?: RedisServerOptions): Promise<RunningServer> {
  return startRedisServer(program('redis-server'), options);
}

/** A server that has buckets, and may be stopped. */
export async function startOwnS3(server: BucketServer = 'moto'): Promise<S3Server> {
  const { path, missing } = inject('servers')[server];
  if (path === undefined) throw new Error(missing);
  return server === 'moto' ? startMoto(path) : startVersitygw(path);
}

/** A name that only this call has, short enough for a database. */
export function unique(): string {
  return `test-${inject('servers').run}-${randomBytes(5).toString('hex')}`;
}

function had(need: 'mongo' | 'redis' | 'tools'): string {
  const { at, missing } = inject('servers')[need];
  if (at === undefined) throw new Error(missing);
  return at;
}

function program(need: 'mongod' | 'redis-server'): Parameters<typeof startMongod>[0] {
  const { found, missing } = inject('servers')[need];
  if (found === undefined) throw new Error(missing);
  return found;
}
