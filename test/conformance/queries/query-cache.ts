import type { Connection, Model, Mongoose, Schema } from 'mongoose';

/** What not every cache claims to have: a case that needs it is asked of those that do. */
export type Offer =
  | 'mark' // marking a query apart from executing it
  | 'key'
  | 'tags'
  | 'staleTtl'
  | 'false' // taking a mark back
  | 'ttl 0' // not to be cached
  | 'clearKey'
  | 'clearModel'
  | 'clearPattern'
  | 'clearAll'
  | 'clearTags';

/** How one query is to be cached. `ttl` and `staleTtl` are seconds. */
export interface Marks {
  ttl?: number;
  staleTtl?: number;
  key?: string;
  tags?: readonly string[];
}

/** A query or an aggregate. */
export interface Askable<Answer> extends PromiseLike<Answer> {
  exec(): Promise<Answer>;
}

// oxlint-disable-next-line typescript/no-explicit-any -- cases give models what their types would refuse, too
export type AnyModel = Model<any>;
export type AnySchema = Schema;

/** A cache that is open: for one case, or for all cases of a process where it can't be opened twice. */
export abstract class QueryCache {
  abstract readonly mongoose: Mongoose;

  /** A connection whose queries can be cached: the first one of a case is the one that it works on. */
  abstract connect(uri: string): Promise<Connection>;
  abstract model(connection: Connection, name: string, schema: AnySchema, collection?: string): AnyModel;
  /** Marks, executes and answers. */
  abstract ask<Answer>(query: Askable<Answer>, marks?: Marks | false): Promise<Answer>;

  mark<Query>(_query: Query, _marks?: Marks | false): Query {
    throw new Error('not offered');
  }
  clearKey(_key: string): Promise<unknown> {
    throw new Error('not offered');
  }
  clearModel(_model: AnyModel): Promise<unknown> {
    throw new Error('not offered');
  }
  clearPattern(_glob: string): Promise<unknown> {
    throw new Error('not offered');
  }
  clearTags(..._tags: string[]): Promise<unknown> {
    throw new Error('not offered');
  }
  clearAll(): Promise<unknown> {
    throw new Error('not offered');
  }
  /** Settles when a write that has been acknowledged is to be seen, where that takes the cache a while. */
  async settle(): Promise<void> {}
  /** At the end of a case. */
  abstract close(): Promise<void>;
}

export interface CacheServers {
  redisUrl: string;
  /** A prefix of all keys, for caches that have one. */
  namespace: string;
}

/** A cache that cases are put to. */
export interface CacheUnderTest {
  readonly name: string;
  readonly offers: ReadonlySet<Offer>;
  open(servers: CacheServers): Promise<QueryCache>;
  /** A module that exports it as `cache`, for processes that cases start; what it opens there is given as `variant`. */
  readonly module: string;
  readonly variant: string;
}
