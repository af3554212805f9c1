import type mongoose from 'mongoose';
import { type Definition, fromExtendedJson, toExtendedJson } from '../archive/extended-json.js';
import { BackupError, list } from '../backup.errors.js';
import type { OplogIndex } from '../oplog/oplog-catalogue.js';
import { type DriverError, indexFailure } from './server-failure.js';
import { exactDocument } from './exact-bson.js';
import { ReplayTarget, type ReplayWrite } from './replay-target.js';

type Client = InstanceType<typeof mongoose.mongo.MongoClient>;
type Fields = Record<string, unknown>;

/** What one command may carry: the server takes 16 MiB, and 16 KiB more for what is around the documents. */
const MOST_BYTES = 8 * 1024 * 1024;
const MOST_WRITES = 1_000;
const NOT_AUTHORIZED = 13;

/** Through the command `applyOps`, which does exactly what a member of the set did, changes within documents included. */
export class MongoReplayTarget extends ReplayTarget {
  constructor(private readonly client: Client) {
    super();
  }

  async check(database: string, collection: string): Promise<void> {
    const ns = `${database}.${collection}`;
    await this.apply([{ op: 'd', ns, o: { _id: 0 } }], [ns]);
  }

  carries(document: Buffer): boolean {
    return exactDocument(document) !== undefined;
  }

  async write(writes: readonly ReplayWrite[]): Promise<void> {
    for (const batch of batches(writes)) {
      const operations = batch.map(({ op, database, collection, o, o2 }) => ({
        op,
        ns: `${database}.${collection}`,
        o: exactDocument(o),
        ...(o2 ? { o2: exactDocument(o2) } : {}),
      }));
      await this.apply(operations, [...new Set(operations.map(({ ns }) => ns))]);
    }
  }

  async createCollection(database: string, collection: string, command: Buffer): Promise<void> {
    const { create: _, idIndex: __, temp: ___, autoIndexId: ____, ...options } = fieldsOf(command);
    await this.client.db(database).command({ create: collection, ...options });
  }

  async changeCollection(database: string, collection: string, command: Buffer): Promise<void> {
    const { collMod: _, ...changes } = fieldsOf(command);
    await this.client.db(database).command({ collMod: collection, ...changes });
  }

  async createIndexes(
    database: string,
    collection: string,
    indexes: readonly OplogIndex[],
    expiring: boolean,
  ): Promise<void> {
    if (indexes.length === 0) return;
    const specs = indexes.map((index) => specOf(index, expiring));
    await this.client
      .db(database)
      .command({ createIndexes: collection, indexes: specs })
      .catch((error: DriverError) => {
        throw indexFailure(`${database}.${collection}`, error);
      });
  }

  text(document: Buffer): string {
    return toExtendedJson(document);
  }

  private async apply(operations: readonly object[], names: readonly string[]): Promise<void> {
    try {
      const command = { applyOps: operations, bypassDocumentValidation: true };
      const { results } = await this.client.db('admin').command(command);
      if (Array.isArray(results) && results.every((result) => result === true)) return;
    } catch (error) {
      const { name, code } = error as { name?: string; code?: unknown };
      if (name !== 'MongoServerError') throw error;
      if (code === NOT_AUTHORIZED)
        throw new BackupError('NOT_AUTHORIZED', {
          problem: 'MongoDB does not let this user replay a log',
          advice: 'give the user the roles restore and readWriteAnyDatabase',
        });
      throw refused(names, String((error as { codeName?: unknown }).codeName ?? code));
    }
    throw refused(names, 'not all of them were applied');
  }
}

/** Without the server's own words: they quote documents. */
function refused(names: readonly string[], reason: string): BackupError {
  return new BackupError('SERVER_FAILED', {
    problem: `MongoDB refused to replay what was written to ${list(names)} (${reason})`,
  });
}

function* batches(writes: readonly ReplayWrite[]): Generator<readonly ReplayWrite[]> {
  let batch: ReplayWrite[] = [];
  let bytes = 0;
  for (const write of writes) {
    const size = write.o.length + (write.o2?.length ?? 0);
    if (batch.length > 0 && (bytes + size > MOST_BYTES || batch.length === MOST_WRITES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(write);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function specOf({ name, spec, changes }: OplogIndex, expiring: boolean): Fields {
  const found = typeof spec === 'string' ? indexIn(spec, name) : fieldsOf(spec);
  const { createIndexes: _, ns: __, ...named } = found;
  // One without a collation would take on that of its collection: the simple one is written out, where one may be.
  const made: Fields = { ...(Number(named['v']) < 2 ? {} : { collation: { locale: 'simple' } }), ...named };
  for (const change of changes) {
    const { name: ____, keyPattern: _____, ...changed } = fieldsOf(change);
    Object.assign(made, changed);
  }
  if (!expiring) delete made['expireAfterSeconds'];
  return made;
}

function indexIn(metadata: string, name: string): Fields {
  const indexes = fromExtendedJson(metadata).get('indexes') as readonly Definition[];
  return Object.fromEntries(indexes.find((index) => index.get('name') === name)!);
}

function fieldsOf(document: Buffer): Fields {
  const exact = exactDocument(document);
  if (!exact) throw new Error('A document that was found to be carried is not.');
  return exact instanceof Map ? Object.fromEntries(exact) : exact;
}
