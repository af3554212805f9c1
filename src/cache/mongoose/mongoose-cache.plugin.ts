import { Inject, Injectable, Optional, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Connection, Mongoose } from 'mongoose';
import { toMilliseconds, type Duration } from '../../duration.js';
import { shown } from '../../errors.js';
import { QueryCacheError } from '../cache.errors.js';
// A value, not a type: Nest reads it from the constructor.
import { CacheService } from '../cache.service.js';
import { canBeTagged, modelWriteTags } from '../tags.js';
import { AttachedConnection } from './attached-connection.js';
import { CachedReads } from './cached-reads.js';
import { ChangeStream, type MongooseWatch } from './change-stream.js';
import { writeTags, type Write } from './dependencies.js';
import { addCacheMethods } from './marked-query.js';
import { bsonOf, clientOf, eventsOf, isConnection, isMongoose } from './mongoose-internals.js';
import type { PolicyDefaults } from './query-policy.js';
import { decodePayload } from './result.js';

// Brings `cache()` into the types of Query and Aggregate, too, for whoever imports the plugin.
export type { QueryCacheOptions } from './mongoose.types.js';
export type { MongooseWatch } from './change-stream.js';
export { cacheDefaults, type CacheDefaults } from './cache-defaults.js';

/** Defaults of this plugin's queries. */
export interface MongooseCacheOptions {
  /** How long results are fresh. Default: the cache's `ttl`. */
  ttl?: Duration;
  /** How long after that they may be served while they are loaded anew. Default: the cache's `staleTtl`. */
  staleTtl?: Duration;
}

/** Token for MongooseCacheOptions where Nest makes the plugin. Absent: all defaults. */
export const MONGOOSE_CACHE_OPTIONS = 'FLORA_MONGOOSE_CACHE_OPTIONS';

/**
 * The cache for Mongoose queries: `Product.find(…).cache(…)` on the connections that are attached, made stale by
 * every write through their clients, whichever way it takes.
 *
 * What is touched, until `detach()`: `cache` is added to the prototypes of Query and Aggregate of that copy of
 * Mongoose (no method is replaced); the connection, its MongoClient, its databases and collections get methods of
 * their own in front of those of their classes, and so does a query on which `.cache()` is called. Handles of the driver that were taken from a client before it was
 * attached (`client.db().collection()`) are not seen; those of Mongoose are.
 */
@Injectable()
export class MongooseCachePlugin implements BeforeApplicationShutdown {
  readonly #defaults: PolicyDefaults;
  readonly #detach = new Map<Connection | Mongoose, () => void>();
  readonly #connections = new Set<Connection>();
  readonly #watches = new Set<MongooseWatch>();

  constructor(
    private readonly cache: CacheService,
    @Optional() @Inject(MONGOOSE_CACHE_OPTIONS) options: MongooseCacheOptions = {},
  ) {
    this.#defaults = {
      ttl: options.ttl === undefined ? cache.options.ttl : toMilliseconds(options.ttl, 'ttl'),
      staleTtl:
        options.staleTtl === undefined
          ? cache.options.staleTtl
          : toMilliseconds(options.staleTtl, 'staleTtl'),
      registryTags: (tags) => cache.registryTags(tags),
    };
  }

  /**
   * Attaches a connection, or a Mongoose instance with all its connections present and future, before or after
   * models are compiled. Twice is once. Gives back what it was given, and is bound:
   * `connectionFactory: plugin.attach`.
   *
   * @throws QueryCacheError for anything else, or when queries have another method `cache` already
   */
  readonly attach = <Target extends Connection | Mongoose>(target: Target): Target => {
    if (this.#detach.has(target)) return target;
    if (isMongoose(target)) this.#detach.set(target, this.#attachMongoose(target));
    else if (isConnection(target)) this.#detach.set(target, all(this.#attachConnection(target)));
    else {
      throw new QueryCacheError({
        problem: `attach was given ${shown(target)}`,
        expected: 'a Mongoose instance or a connection',
      });
    }
    return target;
  };

  /**
   * Undoes `attach` of one target, or of all. Entries stay until their ttl is over, unseen; what is written until
   * the target is attached again does not reach them (`clearModelCache` does).
   */
  detach(target?: Connection | Mongoose): void {
    const targets = target ? [target] : [...this.#detach.keys()];
    for (const one of targets) {
      this.#detach.get(one)?.();
      this.#detach.delete(one);
    }
  }

  /**
   * Makes writes from elsewhere invalidate, too: those of other applications, of scripts and of the server itself.
   * Follows the change stream of the connection's whole cluster; one watcher per cluster is enough for all
   * processes that share the cache. Everything cached so far is invalidated when it begins, and when it could not
   * go on where it was interrupted. While it is interrupted, what others write is seen late: `lag` says how late.
   *
   * @throws QueryCacheError when the connection is not open, on a standalone server, and without the privilege
   */
  async watch(connection: Connection): Promise<MongooseWatch> {
    const client = isConnection(connection) ? clientOf(connection) : undefined;
    if (!client) {
      throw new QueryCacheError({
        problem: 'watch was given no open connection',
        expected: 'one that is connected',
      });
    }
    const stream = await ChangeStream.follow(client, this.#invalidate);
    const watch: MongooseWatch = {
      get status() {
        return stream.status;
      },
      get lag() {
        return stream.lag;
      },
      close: async () => {
        this.#watches.delete(watch);
        await stream.close();
      },
    };
    this.#watches.add(watch);
    return watch;
  }

  /** While the connections are still open. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.#watches].map((watch) => watch.close()));
  }

  #attachMongoose(base: Mongoose): () => void {
    const undo: (() => void)[] = [];
    const onCreated = (connection: Connection) => void undo.push(...this.#attachConnection(connection));
    base.connections.forEach(onCreated);
    eventsOf(base).on('createConnection', onCreated);
    return () => {
      eventsOf(base).off('createConnection', onCreated);
      all(undo)();
    };
  }

  /** Gives the way to undo it, or nothing where another target has attached the connection already. */
  #attachConnection(connection: Connection): [] | [() => void] {
    if (this.#connections.has(connection)) return [];
    const bson = bsonOf(connection.base);
    const removeMethods = addCacheMethods(connection.base);
    this.cache.decodeWith('bson', (payload) => decodePayload(payload, bson));
    const attached = new AttachedConnection(
      connection,
      {
        reads: new CachedReads(this.cache, bson),
        defaults: this.#defaults,
        onSibling: (sibling) => void siblings.push(...this.#attachConnection(sibling)),
      },
      this.#invalidate,
    );
    const siblings: (() => void)[] = [];
    this.#connections.add(connection);
    attached.begin();
    return [
      () => {
        this.#connections.delete(connection);
        attached.end();
        all(siblings)();
        removeMethods();
      },
    ];
  }

  /** Never throws: the write is done, and what Redis could not be told is journalled. */
  readonly #invalidate = async (writes: readonly Write[]): Promise<void> => {
    const tags = writes.flatMap((write) => [...writeTags(write), ...this.#modelTags(write)]);
    await this.cache.invalidateRegistryTags([...new Set(tags)]).catch(() => {});
  };

  /** Of every model on that collection that is compiled by now, for pages tagged with `model(…)`. */
  #modelTags({ database, collection }: Write): string[] {
    return [...this.#connections]
      .filter((connection) => connection.name === database)
      .flatMap((connection) => Object.values(connection.models))
      .filter((model) => collection === undefined || model.collection.collectionName === collection)
      .filter(canBeTagged)
      .flatMap((model) => modelWriteTags(model));
  }
}

const all = (steps: readonly (() => void)[]) => () => {
  for (const step of steps) step();
};
