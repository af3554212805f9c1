import mongoose from 'mongoose';
import { inTime } from './in-time.js';
import { EARLIEST_MS, Lock } from './lock.js';

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

/** How long to look for the server, unless the connection string says otherwise; and then to wait for its answer. */
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
    const found = await this.ask(name, (locks) => takeIfFree(locks, name, holder, ttlMs, turn));
    return found.holder === holder ? found.token : undefined;
  }

  async renew(name: string, holder: string, ttlMs: number): Promise<boolean> {
    const until = { $add: ['$$NOW', ttlMs] };
    const { matchedCount } = await this.ask(name, (locks) =>
      locks.updateOne({ _id: name, holder }, [{ $set: { until } }]),
    );
    return matchedCount === 1;
  }

  async release(name: string, holder: string): Promise<void> {
    await this.ask(name, (locks) =>
      locks.updateOne({ _id: name, holder }, { $unset: { holder: 1, until: 1 } }),
    );
  }

  async holder(name: string): Promise<string | undefined> {
    const isHeld = { $gt: ['$until', '$$NOW'] };
    const found = await this.ask(name, (locks) =>
      locks.findOne({ _id: name, $expr: isHeld }, { readPreference: 'primary' }),
    );
    return found?.holder;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const client = this.client;
    this.client = undefined;
    await (await client?.catch(() => undefined))?.close();
  }

  private async ask<T>(name: string, step: (locks: Locks) => Promise<T>): Promise<T> {
    if (this.isClosed) throw new Error('The lock was closed');
    const { uri, databaseOf, collection } = this.options;
    this.client ??= connect(uri);
    let client: Client;
    try {
      client = await this.client;
    } catch (error) {
      this.client = undefined;
      throw error;
    }
    const locks = client
      .db(databaseOf?.(name))
      .collection<LockDocument>(collection, { writeConcern: { w: 'majority', wtimeoutMS: PATIENCE_MS } });
    // A server that is frozen takes the command and says nothing: the driver alone would wait for most of a minute.
    return inTime(step(locks), 'MongoDB', client.options.serverSelectionTimeoutMS + PATIENCE_MS);
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
  const last = { $ifNull: ['$turn', null] };
  const isAhead = { $gt: [last, { $add: [{ $toLong: '$$NOW' }, EARLIEST_MS] }] };
  const isNext =
    turn === undefined ? true : { $and: [{ $ne: [last, turn] }, { $or: [{ $lt: [last, turn] }, isAhead] }] };
  const taken = {
    _id: '$_id',
    holder: { $literal: holder },
    until: { $add: ['$$NOW', ttlMs] },
    // Above all before even when the document was lost in between.
    token: { $max: [{ $add: [{ $ifNull: ['$token', 0] }, 1] }, { $toLong: '$$NOW' }] },
    turn: turn ?? '$turn',
  };
  const step = [{ $replaceWith: { $cond: [{ $and: [isFree, isNext] }, taken, '$$ROOT'] } }];
  const update = () => locks.findOneAndUpdate({ _id: name }, step, { upsert: true, returnDocument: 'after' });
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
