import mongoose from 'mongoose';
import { Lock } from './lock.js';

const { MongoClient } = mongoose.mongo;
type Client = InstanceType<typeof MongoClient>;
type Locks = mongoose.mongo.Collection<LockDocument>;

interface LockDocument {
  _id: string;
  /** Of one acquisition; absent when it was given back. */
  holder?: string;
  until?: Date;
  token: number;
  turn?: number;
}

export interface MongoLockOptions {
  readonly uri: string;
  /** Where the lock of a name is kept; absent: in the database of `uri`. */
  readonly databaseOf?: (name: string) => string;
  readonly collection: string;
}

/** How long to look for the server, unless the connection string says otherwise. */
const PATIENCE_MS = 5_000;

/**
 * Locks in a collection, one document each. Every step is one atomic update whose times are the server's (`$$NOW`),
 * acknowledged by a majority, so that no failover forgets who holds what.
 */
export class MongoLock extends Lock {
  private client: Promise<Client> | undefined;
  private isClosed = false;

  constructor(private readonly options: MongoLockOptions) {
    super();
  }

  async acquire(name: string, holder: string, ttlMs: number, turn?: number): Promise<number | undefined> {
    const found = await takeIfFree(await this.locks(name), name, holder, ttlMs, turn);
    return found.holder === holder ? found.token : undefined;
  }

  async renew(name: string, holder: string, ttlMs: number): Promise<boolean> {
    const locks = await this.locks(name);
    const until = { $add: ['$$NOW', ttlMs] };
    return (await locks.updateOne({ _id: name, holder }, [{ $set: { until } }])).matchedCount === 1;
  }

  async release(name: string, holder: string): Promise<void> {
    const locks = await this.locks(name);
    await locks.updateOne({ _id: name, holder }, { $unset: { holder: 1, until: 1 } });
  }

  async holder(name: string): Promise<string | undefined> {
    const locks = await this.locks(name);
    const isHeld = { $gt: ['$until', '$$NOW'] };
    return (await locks.findOne({ _id: name, $expr: isHeld }, { readPreference: 'primary' }))?.holder;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const client = this.client;
    this.client = undefined;
    await (await client?.catch(() => undefined))?.close();
  }

  private async locks(name: string): Promise<Locks> {
    if (this.isClosed) throw new Error('The lock was closed');
    const { uri, databaseOf, collection } = this.options;
    this.client ??= connect(uri);
    try {
      const client = await this.client;
      return client
        .db(databaseOf?.(name))
        .collection<LockDocument>(collection, { writeConcern: { w: 'majority', wtimeoutMS: PATIENCE_MS } });
    } catch (error) {
      this.client = undefined;
      throw error;
    }
  }
}

/** The lock's document afterwards, whoever holds it. */
async function takeIfFree(
  locks: Locks,
  name: string,
  holder: string,
  ttlMs: number,
  turn: number | undefined,
): Promise<LockDocument> {
  const isFree = { $lte: [{ $ifNull: ['$until', '$$NOW'] }, '$$NOW'] };
  const isNext = turn === undefined ? true : { $lt: [{ $ifNull: ['$turn', null] }, turn] };
  const taken = {
    _id: '$_id',
    holder: { $literal: holder },
    until: { $add: ['$$NOW', ttlMs] },
    // Above all before even when the document was lost in between.
    token: { $max: [{ $add: [{ $ifNull: ['$token', 0] }, 1] }, { $toLong: '$$NOW' }] },
    turn: turn ?? '$turn',
  };
  const step = [{ $replaceWith: { $cond: [{ $and: [isFree, isNext] }, taken, '$$ROOT'] } }];
  const update = () =>
    locks.findOneAndUpdate({ _id: name }, step, {
      upsert: true,
      returnDocument: 'after',
      maxTimeMS: PATIENCE_MS,
    });
  try {
    return (await update())!;
  } catch (error) {
    // Two made the document at the same moment: it is there now.
    if ((error as { code?: unknown }).code === 11_000) return (await update())!;
    throw error;
  }
}

async function connect(uri: string): Promise<Client> {
  const patience = /[?&]serverSelectionTimeoutMS=/i.test(uri)
    ? {}
    : { serverSelectionTimeoutMS: PATIENCE_MS };
  return new MongoClient(uri, { appName: 'flora-lock', maxPoolSize: 2, ...patience }).connect();
}
