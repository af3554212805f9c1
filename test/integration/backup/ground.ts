import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { afterEach, beforeEach } from 'vitest';
import { type BackupModuleOptions } from '../../../src/backup/backup.options.js';
import type { BackupService } from '../../../src/backup/backup.service.js';
import { createBackupService } from '../../../src/backup/create-backup-service.js';
import { describeWith, mongo, tools, unique } from '../../servers/index.js';

const { BSON, MongoClient } = mongoose.mongo;
export type Db = mongoose.mongo.Db;

/** A database, a backup directory and a service over both, gone after the test. */
export interface Ground {
  readonly uri: string;
  readonly db: Db;
  readonly directory: string;
  readonly service: BackupService;
  /** Another service over the same; options may differ. */
  readonly another: (options?: BackupModuleOptions) => Promise<BackupService>;
  /** Another database of the same server. */
  readonly database: (name?: string) => Db;
  /** The names of what lies in the backup directory, hidden ones included. */
  readonly files: () => Promise<string[]>;
}

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

/** What the services of the tests at hand read and write with. */
let engine: NonNullable<BackupModuleOptions['engine']> = 'mongodump';

/** `describe`, once for each engine: with the tools, and with the driver where no tools are to be found. */
export function describeEngines(name: string, tests: () => void): void {
  for (const each of ['mongodump', 'driver'] as const)
    describeWith(each === 'driver' ? 'mongo' : ['mongo', 'tools'], `${name} (${each})`, () => {
      beforeEach(() => {
        engine = each;
        finally_(async () => {
          engine = 'mongodump';
        });
      });
      tests();
    });
}

/** Runs after the test, the last one first. */
export function finally_(end: () => Promise<unknown>): void {
  endings.push(end);
}

export async function ground(options: BackupModuleOptions = {}): Promise<Ground> {
  const uri = options.uri ?? mongo();
  const directory = options.directory ?? join(await folder(), 'backups');
  const client = await MongoClient.connect(uri);
  const databases = new Map<string, Db>();
  const database = (name = unique()): Db => {
    databases.set(name, client.db(name));
    return client.db(name);
  };
  finally_(async () => {
    for (const db of databases.values()) await db.dropDatabase().catch(() => undefined); // a server that was killed
    await client.close();
  });
  const another = async (different: BackupModuleOptions = {}): Promise<BackupService> => {
    const service = await createBackupService({
      uri,
      directory,
      engine,
      tools: { directory: engine === 'driver' ? join(directory, 'no tools') : tools() },
      ...options,
      ...different,
    });
    finally_(() => service.close());
    return service;
  };
  return {
    uri,
    db: database(client.db().databaseName === 'test' ? unique() : client.db().databaseName),
    directory,
    service: await another(),
    another,
    database,
    files: () => readdir(directory).catch(() => []),
  };
}

export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'flora-test-'));
  finally_(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Some flowers, with all that a restore must bring back. */
export async function plantShop(db: Db): Promise<void> {
  await db.collection('products').insertMany(
    Array.from({ length: 2_000 }, (_, index) => ({
      name: `flower ${index}`,
      price: BSON.Decimal128.fromString(`${index}.90`),
      stock: BSON.Long.fromNumber(index),
      added: new Date(1_700_000_000_000 + index * 1_000),
      photo: new BSON.Binary(Buffer.from(`photo ${index}`)),
      tags: ['spring', { season: index % 4 }],
      nothing: null,
    })),
  );
  await db.collection('products').createIndex({ name: 1 }, { unique: true });
  await db.collection('products').createIndex({ price: -1, added: 1 });
  await db.collection('orders').insertMany(Array.from({ length: 500 }, (_, index) => ({ number: index })));
}

/** Everything of a database that a backup keeps: documents by their exact bytes, indexes, options. */
export async function contentOf(db: Db): Promise<Record<string, unknown>> {
  const found = await db.listCollections({}, { nameOnly: false }).toArray();
  const parts = found
    .filter(({ name }) => !name.startsWith('system.') && name !== 'flora_backup.locks')
    .map(async ({ name, type, options }) => {
      const raw = db.collection(name).find({}, { raw: true, promoteValues: false });
      const documents = type === 'view' ? [] : (await raw.toArray()).map((bytes) => hex(bytes)).sort();
      const indexes = type === 'view' ? [] : await db.collection(name).indexes();
      return [
        name,
        { type, options, documents, indexes: indexes.sort((a, b) => (a.name! < b.name! ? -1 : 1)) },
      ] as const;
    });
  return Object.fromEntries(await Promise.all(parts));
}

function hex(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString('hex');
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error & { code: string };
  }
  throw new Error('expected a rejection');
}
