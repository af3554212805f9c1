import type { mongo } from 'mongoose';
import { writeOfPipeline, writtenIds, type Write } from './dependencies.js';
import { callBehind, putInFront, takeAway, type Methods } from './methods-in-front.js';
import {
  idOf,
  observeCollection,
  observedAggregate,
  observedCursor,
  redefined,
} from './observed-collection.js';
import {
  addObserver,
  removeObserver,
  told,
  type SessionOptions,
  type WriteObserver,
} from './write-observers.js';

/**
 * Sees all writes through one client of the driver, through Mongoose and past it. Methods are put on this client,
 * and on the databases and collections that it hands out from now on; no class of the driver is touched. Handles
 * that were taken before are not seen, unless given to `observeDatabase` and `observeCollection`.
 *
 * Gives back the way to end it. Without observers the methods on what has been handed out do nothing more.
 */
export function observeClient(client: mongo.MongoClient, observer: WriteObserver): () => void {
  addObserver(client, observer);
  putInFront(client, clientMethods);
  return () => {
    if (removeObserver(client, observer) === 0) takeAway(client, clientMethods);
  };
}

export function observeDatabase(database: mongo.Db): void {
  putInFront(database, databaseMethods);
}

export function forgetDatabase(database: mongo.Db): void {
  takeAway(database, databaseMethods);
}

const databaseMethods: Methods = {
  collection(this: mongo.Db, ...args: unknown[]) {
    const collection = callBehind<mongo.Collection>(this, 'collection', args);
    observeCollection(collection);
    return collection;
  },
  async collections(this: mongo.Db, ...args: unknown[]) {
    const collections = await callBehind<Promise<mongo.Collection[]>>(this, 'collections', args);
    collections.forEach(observeCollection);
    return collections;
  },
  async createCollection(
    this: mongo.Db,
    name: string,
    options?: SessionOptions & { viewOn?: string; capped?: boolean },
  ) {
    const create = () => callBehind<Promise<mongo.Collection>>(this, 'createCollection', [name, options]);
    // An empty collection is what one that did not exist was; a view is not, nor is a capped one.
    const special = redefined({ database: this.databaseName, collection: name });
    const writes = options?.viewOn !== undefined || options?.capped ? [special] : [];
    const collection = await told(this.client, options, create, () => writes);
    observeCollection(collection);
    return collection;
  },
  async dropCollection(this: mongo.Db, name: string, options: SessionOptions) {
    const drop = () => callBehind(this, 'dropCollection', [name, options]);
    return told(this.client, options, drop, () => [
      redefined({ database: this.databaseName, collection: name }),
    ]);
  },
  async renameCollection(this: mongo.Db, from: string, to: string, options: SessionOptions) {
    const rename = () => callBehind<Promise<mongo.Collection>>(this, 'renameCollection', [from, to, options]);
    const writes = [from, to].map((collection) => redefined({ database: this.databaseName, collection }));
    const renamed = await told(this.client, options, rename, () => writes);
    observeCollection(renamed);
    return renamed;
  },
  async dropDatabase(this: mongo.Db, options: SessionOptions) {
    const drop = () => callBehind(this, 'dropDatabase', [options]);
    return told(this.client, options, drop, () => [redefined({ database: this.databaseName })]);
  },
  async command(this: mongo.Db, command: mongo.Document, options: SessionOptions) {
    const run = () => callBehind(this, 'command', [command, options]);
    return told(this.client, options, run, () => writesOfCommand(command, this.databaseName));
  },
  runCursorCommand(this: mongo.Db, command: mongo.Document, ...more: unknown[]) {
    const cursor = callBehind<mongo.RunCommandCursor>(this, 'runCursorCommand', [command, ...more]);
    return observedCursor(cursor, this, () => writesOfCommand(command, this.databaseName));
  },
  admin(this: mongo.Db, ...args: unknown[]) {
    const admin = callBehind<mongo.Admin>(this, 'admin', args);
    const command = async (given: mongo.Document, options: SessionOptions) => {
      const run = () => callBehind(admin, 'command', [given, options]);
      return told(this.client, options, run, () => writesOfCommand(given, 'admin'));
    };
    putInFront(admin, { command });
    return admin;
  },
  aggregate(this: mongo.Db, ...args: unknown[]) {
    return observedAggregate(callBehind(this, 'aggregate', args), this);
  },
};

const WRITING = ['insert', 'update', 'delete', 'findAndModify', 'findandmodify'];
const REDEFINING = ['drop', 'collMod', 'create', 'convertToCapped'];

function writesOfCommand(command: mongo.Document, database: string): Write[] {
  const [[name, collection] = []] = Object.entries(command);
  if (name === 'dropDatabase') return [redefined({ database })];
  if (name === 'renameCollection')
    return [collection, command.to].map((namespace) => redefined(writeTo(String(namespace))));
  if (name === 'bulkWrite' && Array.isArray(command.nsInfo))
    return command.nsInfo.map(({ ns }: { ns: unknown }) => writeTo(String(ns)));
  if (name === 'aggregate' && Array.isArray(command.pipeline)) {
    return [writeOfPipeline(command.pipeline, database)].filter((write) => write !== undefined);
  }
  if (name === 'applyOps' && Array.isArray(collection))
    return collection.map(({ ns }: { ns: unknown }) => redefined({ database: writeTo(String(ns)).database }));
  if (name === 'mapReduce' || name === 'mapreduce') return outputOf(command.out, database);
  const write = { database, collection: String(collection) };
  if (WRITING.includes(String(name))) return [write];
  return REDEFINING.includes(String(name)) ? [redefined(write)] : [];
}

/** Where a `mapReduce` leaves its result, unless it gives it back. */
function outputOf(out: unknown, database: string): Write[] {
  if (typeof out === 'string') return [{ database, collection: out }];
  const { replace, merge = replace, reduce = merge, db = database } = (out ?? {}) as Record<string, unknown>;
  return typeof reduce === 'string' ? [{ database: String(db), collection: reduce }] : [];
}

function writeTo(namespace: string): Write {
  const dot = namespace.indexOf('.');
  return { database: namespace.slice(0, dot), collection: namespace.slice(dot + 1) };
}

interface BulkModel {
  namespace: string;
  document?: { _id?: unknown };
  filter?: unknown;
  upsert?: boolean;
}

const clientMethods: Methods = {
  db(this: mongo.MongoClient, ...args: unknown[]) {
    const database = callBehind<mongo.Db>(this, 'db', args);
    observeDatabase(database);
    return database;
  },
  async bulkWrite(this: mongo.MongoClient, models: readonly BulkModel[], options: SessionOptions) {
    const write = () => callBehind(this, 'bulkWrite', [models, options]);
    return told(this, options, write, () =>
      models.map(({ namespace, document, filter, upsert }) => {
        const ids = document ? idOf(document) : writtenIds(filter, upsert);
        return { ...writeTo(namespace), ...(ids && { ids }) };
      }),
    );
  },
};
