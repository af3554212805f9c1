import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import mongoose from 'mongoose';
import { startMongod } from '../../../dist/flora/servers/mongod.js';
import { described } from '../../../dist/flora/servers/place.js';
import { findMongod, findMongoTools } from '../../../dist/flora/servers/resolve.js';
import { withDatabase } from '../../../dist/flora/servers/with-database.js';
import type { BenchServers } from '../benchmark.js';
import { seed } from './documents.js';

/** A MongoDB with a shop and another of a tenth of its size, and the tools. */
export interface BackupServers extends BenchServers {
  /** Of the shop, in bytes of BSON. */
  readonly bytes: number;
  readonly uri: string;
  readonly tenth: string;
  /** The folder of mongodump and mongorestore. */
  readonly tools: string;
  /** For all that is written; gone afterwards. */
  readonly folder: string;
  /** The URI of a database that isn't there, or is there no more. */
  emptied(name: string): Promise<string>;
}

export async function startServers(megabytes: number): Promise<BackupServers> {
  const found = { mongod: await findMongod({ log: console.log }), tools: await findMongoTools() };
  for (const one of Object.values(found)) console.log(described(one));
  const mongod = await startMongod(found.mongod, { replicaSet: false });
  const folder = await mkdtemp(join(tmpdir(), 'flora-bench-'));
  const [uri, tenth] = [withDatabase(mongod.url, 'shop'), withDatabase(mongod.url, 'tenth')];
  const client = await mongoose.mongo.MongoClient.connect(mongod.url);
  const stop = async (): Promise<void> => {
    await client.close();
    await mongod.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    console.log(`filling a database with ${megabytes} MB …`);
    await seed(uri, megabytes);
    await seed(tenth, megabytes / 10);
    const { dataSize } = (await client.db('shop').stats()) as { dataSize: number };
    return {
      bytes: dataSize,
      uri,
      tenth,
      tools: dirname(found.tools.path),
      folder,
      versions: {
        mongodb: mongod.version,
        programs: { 'MongoDB tools': found.tools.version, zstd: zstdVersion() },
      },
      emptied: async (name) => {
        await client.db(name).dropDatabase();
        return withDatabase(mongod.url, name);
      },
      empty: async () => undefined,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function zstdVersion(): string {
  const said = execFileSync('zstd', ['--version'], { encoding: 'utf8' });
  return /v(\d+\.\d+\.\d+)/.exec(said)?.[1] ?? 'unknown';
}
