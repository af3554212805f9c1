import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { mongo } from 'mongoose';
import { QueryCacheError } from '../cache.errors.js';
import type { Write } from './dependencies.js';
import type { WriteObserver } from './write-observers.js';

const WRITES = ['insert', 'update', 'replace', 'delete', 'drop', 'rename', 'dropDatabase'];
/** No document leaves the database for this: only where it lies. */
const PIPELINE = [
  { $match: { operationType: { $in: WRITES } } },
  { $project: { operationType: 1, ns: 1, to: 1, 'documentKey._id': 1, clusterTime: 1, wallTime: 1 } },
];

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

interface Change {
  operationType: string;
  ns?: { db: string; coll?: string };
  to?: { db: string; coll: string };
  documentKey?: { _id: unknown };
  clusterTime?: mongo.Timestamp;
  /** Since MongoDB 6.0, and more exact. */
  wallTime?: Date;
}

/** A change stream that is being followed. */
export interface MongooseWatch {
  /**
   * `'interrupted'` from the moment an error says so until it goes on where it was, or anew; attempts have pauses
   * of at most 5 s between them. `'closed'` after `close()`.
   */
  readonly status: 'following' | 'interrupted' | 'closed';
  /**
   * How far behind it is at most, in seconds: what was written longer ago than that has been invalidated. Up to
   * about a second when nothing happens, since that is how often the server says so; it grows while the stream is
   * interrupted, or a server does not answer. As exact as the clocks of the server and this process agree.
   */
  readonly lag: number;
  /** Stops following; settles when nothing of it runs any more. */
  close(): Promise<void>;
}

/**
 * Follows all changes of a cluster, made by whomever. Interrupted, it goes on where it was; where that can't be
 * (and at its beginning, since nobody knows what happened before) all databases count as written to.
 */
export class ChangeStream implements MongooseWatch {
  readonly #logger = new Logger('Cache');
  readonly #stopping = new AbortController();
  #stream: mongo.ChangeStream | undefined;
  #resumeToken: unknown;
  #running: Promise<void> = Promise.resolve();
  #gathered: Write[] = [];
  #isTelling = false;
  #status: MongooseWatch['status'] = 'interrupted';
  /** Time, in milliseconds, of the last change that was seen, or of an answer that there were no more. */
  #seenUntil = 0;
  /** The same for what has been told of. */
  #toldUntil = 0;

  private constructor(
    private readonly client: mongo.MongoClient,
    private readonly onWrites: WriteObserver,
  ) {}

  /** Settles when every later change will be seen. */
  static async follow(client: mongo.MongoClient, onWrites: WriteObserver): Promise<ChangeStream> {
    const stream = new ChangeStream(client, onWrites);
    try {
      await stream.#openAnew();
    } catch (cause) {
      throw new QueryCacheError({
        problem: `the changes of the database can't be watched: ${(cause as Error).message}`,
        expected: 'a replica set, and a user who may open change streams on all databases',
        cause,
      });
    }
    stream.#running = stream.#run();
    return stream;
  }

  get status(): MongooseWatch['status'] {
    return this.#status;
  }

  get lag(): number {
    return Math.max(0, Date.now() - this.#toldUntil) / 1_000;
  }

  async close(): Promise<void> {
    this.#status = 'closed';
    this.#stopping.abort();
    await this.#stream?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!this.#stopping.signal.aborted) {
      try {
        if (!this.#stream) await this.#openAgain();
        pause = FIRST_PAUSE;
        await this.#read();
      } catch (error) {
        await this.#stream?.close().catch(() => {});
        this.#stream = undefined;
        if (this.#stopping.signal.aborted) return;
        this.#status = 'interrupted';
        // Not a lost connection but an answer: the history is gone, or it is another cluster's.
        if ((error as Error).name === 'MongoServerError') this.#resumeToken = undefined;
        this.#logger.warn(`The change stream was interrupted: ${(error as Error).message}`);
        await sleep(pause, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
  }

  async #openAgain(): Promise<void> {
    if (this.#resumeToken === undefined) {
      await this.#openAnew();
      this.#logger.log('The change stream began anew; everything counts as written to');
      return;
    }
    await this.#open(this.#resumeToken);
    this.#logger.log('The change stream goes on where it was');
  }

  /** The first batch is asked for at once: the stream begins here and now, not when the next change is awaited. */
  async #open(resumeAfter?: unknown): Promise<void> {
    const stream = this.client.watch(PIPELINE, resumeAfter === undefined ? {} : { resumeAfter });
    this.#stream = stream;
    await this.#readOne(stream);
    if (!this.#stopping.signal.aborted) this.#status = 'following';
  }

  async #openAnew(): Promise<void> {
    const began = Date.now();
    await this.#open();
    const { databases } = await this.client.db().admin().listDatabases({ nameOnly: true });
    await this.onWrites(databases.map(({ name }) => ({ database: name })));
    this.#toldUntil = Math.max(this.#toldUntil, began);
  }

  async #read(): Promise<void> {
    const stream = this.#stream as mongo.ChangeStream;
    while (!this.#stopping.signal.aborted) await this.#readOne(stream);
  }

  /** The server waits for a change, about a second at most. */
  async #readOne(stream: mongo.ChangeStream): Promise<void> {
    const change = (await stream.tryNext()) as Change | null;
    if (change) this.#gathered.push(...writesOf(change));
    this.#seenUntil = Math.max(this.#seenUntil, change ? timeOf(change) : Date.now());
    this.#resumeToken = stream.resumeToken;
    if (!this.#isTelling) void this.#tell();
  }

  /** Changes come faster than they can be told of one by one: those that came meanwhile are told of together. */
  async #tell(): Promise<void> {
    this.#isTelling = true;
    while (this.#gathered.length > 0) {
      const writes = this.#gathered;
      const until = this.#seenUntil;
      this.#gathered = [];
      await this.onWrites(writes);
      this.#toldUntil = until;
    }
    this.#toldUntil = this.#seenUntil;
    this.#isTelling = false;
  }
}

function writesOf({ operationType, ns, to, documentKey }: Change): Write[] {
  if (!ns) return [];
  if (operationType === 'dropDatabase' || ns.coll === undefined) return [{ database: ns.db }];
  const write = { database: ns.db, collection: ns.coll };
  if (documentKey) return [{ ...write, ids: [documentKey._id] }];
  return to ? [write, { database: to.db, collection: to.coll }] : [write];
}

function timeOf({ wallTime, clusterTime }: Change): number {
  return wallTime?.getTime() ?? (clusterTime?.getHighBits() ?? 0) * 1_000;
}
