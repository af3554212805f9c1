import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import type { Found } from './place.js';
import { ServerStartError } from './servers.errors.js';
import { type RunningServer, startServer } from './start-server.js';

export interface MongodOptions {
  /** Default `true`: a replica set of one, which has transactions and change streams. */
  replicaSet?: boolean;
  /** Makes this user an administrator and lets nobody else in. */
  user?: { name: string; password: string };
  /** Default: a free one. */
  port?: number;
  /** Further arguments. */
  args?: readonly string[];
}

const REPLICA_SET = 'flora';
const PRIMARY_WITHIN = 30_000;
/** Starts a MongoDB with an empty folder of its own. @throws ServerStartError */
export async function startMongod(found: Found, options: MongodOptions = {}): Promise<RunningServer> {
  const { replicaSet = true, user } = options;
  const name = `mongod ${found.version}`;
  const { process, port } = await startServer({
    name,
    command: found.path,
    settings: (port, folder) => ({
      bind_ip: '127.0.0.1',
      port: String(port),
      dbpath: folder,
      logpath: join(folder, 'log'),
      // Frugal, for it shares the machine.
      wiredTigerCacheSizeGB: '0.25',
      setParameter: 'diagnosticDataCollectionEnabled=false',
      ...(replicaSet ? { replSet: REPLICA_SET, oplogSize: '128' } : {}),
      ...(user && replicaSet ? { keyFile: join(folder, 'key') } : {}),
    }),
    // What the members of a replica set know each other by, once it lets in nobody else.
    key: user && randomBytes(64).toString('base64'),
    // Its socket file would lie in the common temporary folder.
    args: ['--nounixsocket', ...(user ? ['--auth'] : []), ...(options.args ?? [])],
    ready: /Waiting for connections/,
    port: options.port,
  });
  try {
    await prepare(port, replicaSet, user);
  } catch (error) {
    await process.stop();
    throw new ServerStartError(name, (error as Error).message, error);
  }
  const credentials = user ? `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@` : '';
  return {
    url: `mongodb://${credentials}127.0.0.1:${port}/${replicaSet ? `?replicaSet=${REPLICA_SET}` : ''}`,
    port,
    pid: process.pid,
    version: found.version,
    stop: () => process.stop(),
    kill: (signal) => process.kill(signal),
  };
}

async function prepare(port: number, replicaSet: boolean, user: MongodOptions['user']): Promise<void> {
  const client = await mongoose.mongo.MongoClient.connect(
    `mongodb://127.0.0.1:${port}/?directConnection=true`,
  );
  try {
    const admin = client.db('admin');
    if (replicaSet) {
      const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
      await admin.command({ replSetInitiate: { _id: REPLICA_SET, members } });
      await untilPrimary(admin);
    }
    if (user) await admin.command({ createUser: user.name, pwd: user.password, roles: ['root'] });
  } finally {
    await client.close();
  }
}

async function untilPrimary(admin: mongoose.mongo.Db): Promise<void> {
  const deadline = Date.now() + PRIMARY_WITHIN;
  while (Date.now() < deadline) {
    if ((await admin.command({ hello: 1 }))['isWritablePrimary']) return;
    await sleep(20);
  }
  throw new Error(`its replica set had no primary within ${PRIMARY_WITHIN / 1_000} s`);
}
