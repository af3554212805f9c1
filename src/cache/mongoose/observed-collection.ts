import type { mongo } from 'mongoose';
import { writeOfPipeline, writtenIds, type Write } from './dependencies.js';
import { callBehind, putInFront, takeAway, type Methods } from './methods-in-front.js';
import { told, type SessionOptions } from './write-observers.js';

/** Sees the writes of one collection of the driver, for the observers of its client. */
export function observeCollection(collection: mongo.Collection): void {
  putInFront(collection, methods);
}

export function forgetCollection(collection: mongo.Collection): void {
  takeAway(collection, methods);
}

const at = ({ dbName, collectionName }: mongo.Collection, ids?: readonly unknown[]): Write => ({
  database: dbName,
  collection: collectionName,
  ...(ids && { ids }),
});

/** Writes to the documents that a filter finds: the first argument is the filter. */
const byFilter = (name: string, optionsAt: number): Methods[string] =>
  async function (this: mongo.Collection, ...args: unknown[]) {
    const options = args[optionsAt] as (SessionOptions & { upsert?: boolean }) | undefined;
    const write = at(this, writtenIds(args[0], options?.upsert));
    return told(
      this.db.client,
      options,
      () => callBehind(this, name, args),
      () => [write],
    );
  };

/** The driver's `insertMany` and `bulkWrite` come this way too. */
const bulk = (name: string): Methods[string] =>
  function (this: mongo.Collection, options: SessionOptions) {
    const operation = callBehind<mongo.OrderedBulkOperation>(this, name, [options]);
    const execute = async (more: SessionOptions) => {
      const write = at(this, idsOfBatches(operation.batches)); // the driver takes them away one by one
      const run = () => callBehind(operation, 'execute', [more]);
      return told(this.db.client, { ...options, ...more }, run, () => [write]);
    };
    Object.defineProperty(operation, 'execute', { value: execute, configurable: true, writable: true });
    return operation;
  };

/** A write after which the name may stand for something else. */
export const redefined = (write: Write): Write => ({ ...write, redefines: true });

interface Statement {
  _id?: unknown;
  q?: unknown;
  upsert?: boolean;
}
const INSERT = 1;

/** Undefined as soon as one of the operations does not say which documents it is about. */
function idsOfBatches(batches: readonly mongo.Batch[]): unknown[] | undefined {
  const ids = [];
  for (const { batchType, operations } of batches) {
    for (const statement of operations as Statement[]) {
      const some =
        (batchType as number) === INSERT ? idOf(statement) : writtenIds(statement.q, statement.upsert);
      if (!some) return undefined;
      ids.push(...some);
    }
  }
  return ids;
}

/** Of a document to be inserted, as a list of one; undefined where the server will give it one. */
export const idOf = (document: { _id?: unknown } | undefined): unknown[] | undefined =>
  document?._id === undefined ? undefined : [document._id];

/** What an aggregate writes, it writes when its cursor is first asked. */
export function observedAggregate(
  cursor: mongo.AggregationCursor,
  database: mongo.Db,
): mongo.AggregationCursor {
  const clone = () => observedAggregate(callBehind(cursor, 'clone', []), database);
  Object.defineProperty(cursor, 'clone', { value: clone, configurable: true, writable: true });
  return observedCursor(cursor, database, () => {
    const write = writeOfPipeline(cursor.pipeline, database.databaseName);
    return write ? [write] : [];
  });
}

/** Tells of what happens when a cursor is first asked, however that is done: all ways lead through these three. */
export function observedCursor<Cursor extends { id?: mongo.Long | undefined }>(
  cursor: Cursor,
  database: mongo.Db,
  writes: () => readonly Write[],
): Cursor {
  for (const name of ['next', 'tryNext', 'hasNext']) {
    const value = async () => {
      const ask = () => callBehind(cursor, name, []);
      return cursor.id === undefined ? told(database.client, undefined, ask, writes) : ask();
    };
    Object.defineProperty(cursor, name, { value, configurable: true, writable: true });
  }
  return cursor;
}

const methods: Methods = {
  async insertOne(this: mongo.Collection, document: Statement, options: SessionOptions) {
    const insert = () => callBehind(this, 'insertOne', [document, options]); // gives the document its _id
    return told(this.db.client, options, insert, () => [at(this, idOf(document))]);
  },
  updateOne: byFilter('updateOne', 2),
  updateMany: byFilter('updateMany', 2),
  replaceOne: byFilter('replaceOne', 2),
  deleteOne: byFilter('deleteOne', 1),
  deleteMany: byFilter('deleteMany', 1),
  findOneAndUpdate: byFilter('findOneAndUpdate', 2),
  findOneAndReplace: byFilter('findOneAndReplace', 2),
  findOneAndDelete: byFilter('findOneAndDelete', 1),
  initializeOrderedBulkOp: bulk('initializeOrderedBulkOp'),
  initializeUnorderedBulkOp: bulk('initializeUnorderedBulkOp'),
  async rename(this: mongo.Collection, name: string, options: SessionOptions) {
    const rename = () => callBehind<Promise<mongo.Collection>>(this, 'rename', [name, options]);
    const writes = [at(this), { database: this.dbName, collection: name }].map(redefined);
    const renamed = await told(this.db.client, options, rename, () => writes);
    observeCollection(renamed);
    return renamed;
  },
  aggregate(this: mongo.Collection, ...args: unknown[]) {
    return observedAggregate(callBehind(this, 'aggregate', args), this.db);
  },
};
