import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { createClient } from 'redis';
import type { TestProject } from 'vitest/node';
import { bringServers, type Part, type Servers } from '../../src/flora/servers/bring-servers.js';
import type { Found } from '../../src/flora/servers/place.js';
import { findMongod, findRedisServer } from '../../src/flora/servers/resolve.js';
import { findMoto, findVersitygw, type S3Program } from './s3.js';
import { ProgramNotFoundError } from '../../src/flora/servers/servers.errors.js';

/** What tests can be given, each with the reason if it can't be had. */
export interface Provided {
  /** In the name of every database and namespace of this run, so that they can be found and removed at its end. */
  run: string;
  mongo: Pick<Part, 'at' | 'missing'>;
  redis: Pick<Part, 'at' | 'missing'>;
  tools: Pick<Part, 'at' | 'missing'>;
  /** The programs, for tests that start and kill servers of their own. */
  mongod: { found?: Found; missing?: string };
  'redis-server': { found?: Found; missing?: string };
  /** Programs that speak the language of S3: moto_server, and a stricter one. */
  moto: S3Program;
  versitygw: S3Program;
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: Provided;
  }
}

interface Shared {
  users: number;
  started: Promise<{ servers: Servers; provided: Provided }>;
}

/** Each project of a run has a module registry of its own; they share the servers here. */
const shelf = globalThis as { floraTestServers?: Shared | undefined };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (shelf.floraTestServers ??= { users: 0, started: start() });
  shared.users++;
  const { servers, provided } = await shared.started;
  project.provide('servers', provided);
  return async () => {
    if (--shared.users > 0) return;
    shelf.floraTestServers = undefined;
    await removeTraces(servers, provided.run);
    await servers.stop();
  };
}

async function start(): Promise<{ servers: Servers; provided: Provided }> {
  const servers = await bringServers({ log: console.log });
  const provided = {
    run: randomBytes(4).toString('hex'),
    mongo: part(servers.mongo),
    redis: part(servers.redis),
    tools: part(servers.tools),
    mongod: await orReason(findMongod()),
    'redis-server': await orReason(findRedisServer()),
    moto: await findMoto(console.log),
    versitygw: await findVersitygw(),
  };
  return { servers, provided };
}

/** Without the handle of its process, which can't be sent to the tests' processes. */
function part({ at, missing }: Part): Pick<Part, 'at' | 'missing'> {
  return { at, missing };
}

async function orReason(search: Promise<Found>): Promise<{ found: Found } | { missing: string }> {
  try {
    return { found: await search };
  } catch (error) {
    if (error instanceof ProgramNotFoundError) return { missing: error.message };
    throw error;
  }
}

/** On servers that were there before: what tests left, killed ones included. Own servers go as a whole. */
async function removeTraces({ mongo, redis }: Servers, run: string): Promise<void> {
  if (mongo.at && !mongo.server) {
    const client = await mongoose.mongo.MongoClient.connect(mongo.at);
    const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) if (name.includes(run)) await client.db(name).dropDatabase();
    await client.close();
  }
  if (redis.at && !redis.server) {
    const client = await createClient({ url: redis.at }).connect();
    for await (const keys of client.scanIterator({ MATCH: `*${run}*`, COUNT: 1_000 }))
      if (keys.length > 0) await client.unlink(keys);
    client.destroy();
  }
}
