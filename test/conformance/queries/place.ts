import assert from 'node:assert/strict';
import { AsyncResource } from 'node:async_hooks';
import type { Connection, Mongoose } from 'mongoose';
import { createClient, RESP_TYPES } from 'redis';
import type { HeldProxy } from './held-proxy.js';
import { startElsewhere, type Elsewhere } from './elsewhere.js';
import { countrySchema, productSchema, supplierSchema } from './models.js';
import type { AnyModel, AnySchema, Askable, CacheUnderTest, Marks, QueryCache } from './query-cache.js';

export interface PlaceServers {
  /** The URI of a new, empty database. */
  mongoUri: string;
  /** The way to MongoDB that `mongoUri` leads, and the way that the cache takes to its Redis. */
  mongo: HeldProxy;
  redis: HeldProxy;
  /** The same database and the same Redis, past these ways. */
  directMongoUri: string;
  directRedisUrl: string;
  namespace: string;
}

const newClient = (url: string) => createClient({ url });
type RedisClient = ReturnType<typeof newClient>;

const READS = new Set(['find', 'aggregate', 'count', 'distinct', 'getMore']);

/** Where a case takes place: a database and models of its own, and a cache. */
export class Place {
  readonly mongoose: Mongoose;
  readonly Product: AnyModel;
  readonly Supplier: AnyModel;
  readonly Country: AnyModel;
  readonly #ends: (() => Promise<unknown>)[] = [];
  readonly #outside = new AsyncResource('Place');
  #reads = 0;

  private constructor(
    readonly underTest: CacheUnderTest,
    readonly cache: QueryCache,
    readonly connection: Connection,
    readonly servers: PlaceServers,
  ) {
    this.mongoose = cache.mongoose;
    this.Country = this.model('Country', countrySchema(this.mongoose));
    this.Supplier = this.model('Supplier', supplierSchema(this.mongoose));
    this.Product = this.model('Product', productSchema(this.mongoose));
    this.#count(connection);
  }

  static async open(underTest: CacheUnderTest, cache: QueryCache, servers: PlaceServers): Promise<Place> {
    const connection = await cache.connect(servers.mongoUri);
    return new Place(underTest, cache, connection, servers);
  }

  model(name: string, schema: AnySchema, collection?: string): AnyModel {
    return this.cache.model(this.connection, name, schema, collection);
  }

  schema(fields: Record<string, unknown>, options: Record<string, unknown> = {}): AnySchema {
    return new this.mongoose.Schema(fields, options);
  }

  id(): InstanceType<Mongoose['mongo']['ObjectId']> {
    return new this.mongoose.mongo.ObjectId();
  }

  ask<Answer>(query: Askable<Answer>, marks?: Marks | false): Promise<Answer> {
    return this.cache.ask(query, marks);
  }

  /** Reads that `work` sends to the database. */
  async reads(work: () => unknown): Promise<number> {
    const before = this.#reads;
    await work();
    return this.#reads - before;
  }

  /** What a query answers when it is asked for the second time, which must not reach the database. */
  async hit<Answer>(query: () => Askable<Answer>, marks?: Marks): Promise<Answer> {
    await this.ask(query(), marks);
    const before = this.#reads;
    const answer = await this.ask(query(), marks);
    assert.equal(this.#reads - before, 0, 'the second time it is answered from the cache');
    return answer;
  }

  /** Does `write`, after which what was asked before must be answered as the database would. */
  async after(write: () => unknown): Promise<void> {
    await write();
    await this.cache.settle();
  }

  /** Another connection whose queries can be cached, of this process. */
  async connect(uri: string): Promise<Connection> {
    const connection = await this.cache.connect(uri);
    this.#ends.push(() => connection.close());
    this.#count(connection);
    return connection;
  }

  /** Another process with the same database and the same Redis, which has these models, too. */
  async elsewhere(): Promise<Elsewhere> {
    const elsewhere = await startElsewhere(this.underTest, this.servers);
    this.#ends.push(() => elsewhere.close());
    return elsewhere;
  }

  /** What lies in the Redis of the cache: each of its values is given to `change`, which gives another one or nothing. */
  async eachStored(change: (value: Buffer) => Buffer | undefined): Promise<number> {
    return this.withRedis((client) => this.#eachStored(client, change));
  }

  async #eachStored(client: RedisClient, change: (value: Buffer) => Buffer | undefined): Promise<number> {
    const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    let count = 0;
    for await (const keys of client.scanIterator({ MATCH: `*${this.servers.namespace}*`, COUNT: 1_000 })) {
      for (const key of keys) {
        const isText = (await client.type(key)) === 'string';
        const value = isText ? await bytes.get(key) : null;
        const other = change(value ?? Buffer.alloc(0));
        if (!other) await client.del(key);
        else if (isText) await client.set(key, other, { KEEPTTL: true });
        count += 1;
      }
    }
    return count;
  }

  get redisPort(): number {
    return Number(new URL(this.servers.directRedisUrl).port);
  }

  /** The Redis of the cache, as somebody else would use it. */
  async withRedis<Result>(work: (redis: RedisClient) => Promise<Result>): Promise<Result> {
    const client = newClient(this.servers.directRedisUrl);
    await client.connect();
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  }

  /** As somebody who is not in the transaction that the caller may be in by its asynchronous context. */
  asOthers<Result>(work: () => Result): Result {
    return this.#outside.runInAsyncScope(work);
  }

  atEnd(step: () => Promise<unknown>): void {
    this.#ends.push(step);
  }

  async close(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
    await this.connection.db?.dropDatabase();
    await this.connection.close();
  }

  #count(connection: Connection): void {
    connection.getClient().on('commandStarted', ({ commandName, command }) => {
      const { pipeline } = command as { pipeline?: Record<string, unknown>[] };
      const last = pipeline?.at(-1);
      if (READS.has(commandName) && !last?.$out && !last?.$merge) this.#reads += 1;
    });
  }
}

/** An answer as it can be compared, whatever its documents are: types that JSON doesn't keep are of no account. */
export const told = (answer: unknown): string => JSON.stringify(answer) ?? 'undefined';

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `holds`, for a second at most. */
export async function soon(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const until = Date.now() + 2_000; Date.now() < until; await pause(10)) if (await holds()) return;
  assert.fail(`not within two seconds: ${what}`);
}
