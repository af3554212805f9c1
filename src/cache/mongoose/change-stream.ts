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
  { $project: { operationType: 1, ns: 1, to: 1, 'documentKey._id': 1 } },
];

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

interface Change {
  operationType: string;
  ns?: { db: string; coll?: string };
  to?: { db: string; coll: string };
  documentKey?: { _id: unknown };
}

/** A change stream that is being followed. */
export interface MongooseWatch {
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

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#stream?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!this.#stopping.signal.aborted) {
      try {
        if (!this.#stream)
          await (this.#resumeToken === undefined ? this.#openAnew() : this.#open(this.#resumeToken));
        pause = FIRST_PAUSE;
        await this.#read();
      } catch (error) {
        await this.#stream?.close().catch(() => {});
        this.#stream = undefined;
        if (this.#stopping.signal.aborted) return;
        // Not a lost connection but an answer: the history is gone, or it is another cluster's.
        if ((error as Error).name === 'MongoServerError') this.#resumeToken = undefined;
        this.#logger.warn(`The change stream was interrupted: ${(error as Error).message}`);
        await sleep(pause, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
  }

  /** The first batch is asked for at once: the stream begins here and now, not when the next change is awaited. */
  async #open(resumeAfter?: unknown): Promise<void> {
    const stream = this.client.watch(PIPELINE, resumeAfter === undefined ? {} : { resumeAfter });
    this.#stream = stream;
    const first = (await stream.tryNext()) as Change | null;
    if (first) this.#gather(first);
    this.#resumeToken = stream.resumeToken;
  }

  async #openAnew(): Promise<void> {
    await this.#open();
    const { databases } = await this.client.db().admin().listDatabases({ nameOnly: true });
    await this.onWrites(databases.map(({ name }) => ({ database: name })));
  }

  async #read(): Promise<void> {
    const stream = this.#stream as mongo.ChangeStream;
    while (!this.#stopping.signal.aborted) {
      this.#gather(await stream.next());
      this.#resumeToken = stream.resumeToken;
    }
  }

  #gather(change: Change): void {
    this.#gathered.push(...writesOf(change));
    if (!this.#isTelling) void this.#tell();
  }

  /** Changes come faster than they can be told of one by one: those that came meanwhile are told of together. */
  async #tell(): Promise<void> {
    this.#isTelling = true;
    while (this.#gathered.length > 0) {
      const writes = this.#gathered;
      this.#gathered = [];
      await this.onWrites(writes);
    }
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
