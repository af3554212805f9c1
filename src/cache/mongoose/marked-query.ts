import type { Connection, Model, Mongoose } from 'mongoose';
import { shown } from '../../errors.js';
import { QueryCacheError } from '../cache.errors.js';
import type { CachedReads } from './cached-reads.js';
import { behind, standIn } from './collection-stand-in.js';
import {
  aggregatePrototype,
  queryPrototype,
  type MarkableAggregate,
  type MarkableQuery,
} from './mongoose-internals.js';
import { queryPolicy, type PolicyDefaults, type QueryPolicy } from './query-policy.js';

/** What answers the marked queries of a connection. */
export interface Reader {
  reads: CachedReads;
  defaults: PolicyDefaults;
}

/** Undefined for connections that are not attached: their marked queries are queries like all others. */
type ReaderOf = (connection: Connection) => Reader | undefined;

const READS = new Set(['find', 'findOne', 'countDocuments', 'estimatedDocumentCount', 'distinct']);

const users = new WeakMap<Mongoose['Query'], number>();

/**
 * Adds `cache()` to the queries and aggregates of this copy of Mongoose: one method each on
 * `Query.prototype` and `Aggregate.prototype`, which all Mongoose instances of that copy share. No method of
 * theirs is replaced. Gives back the way to take them away again, which the last user's call does.
 *
 * @throws QueryCacheError when something else has added a method of that name
 */
export function addCacheMethods(base: Mongoose, readerOf: ReaderOf): () => void {
  const before = users.get(base.Query) ?? 0;
  if (before === 0) addMethods(base, readerOf);
  users.set(base.Query, before + 1);
  let isRemoved = false;
  return () => {
    if (isRemoved) return;
    isRemoved = true;
    const left = (users.get(base.Query) ?? 1) - 1;
    users.set(base.Query, left);
    if (left > 0) return;
    delete queryPrototype(base).cache;
    delete aggregatePrototype(base).cache;
  };
}

function addMethods(base: Mongoose, readerOf: ReaderOf): void {
  const prototypes = [queryPrototype(base), aggregatePrototype(base)] as const;
  if (prototypes.some((prototype) => Object.hasOwn(prototype, 'cache'))) {
    throw new QueryCacheError({
      problem: 'queries of this Mongoose have a method `cache` already',
      advice: 'remove the other plugin that adds it',
    });
  }
  const [query, aggregate] = prototypes;
  define(query, function (this: MarkableQuery, given?: unknown) {
    return markQuery(this, given, readerOf);
  });
  define(aggregate, function (this: MarkableAggregate, given?: unknown) {
    return markAggregate(this, given, readerOf);
  });
}

function define(prototype: object, method: unknown): void {
  Object.defineProperty(prototype, 'cache', { value: method, configurable: true, writable: true });
}

function markQuery(query: MarkableQuery, given: unknown, readerOf: ReaderOf): MarkableQuery {
  const { model, op } = query;
  if (op !== undefined && !READS.has(op)) {
    throw new QueryCacheError({
      problem: `${model?.modelName}.${op}() writes, and .cache() was called on it`,
      expected: 'a query that reads',
      advice: 'remove .cache(): what the write changes is invalidated by itself',
    });
  }
  const marked = policyOf(model, op ?? 'query', given, readerOf);
  const collection = behind(query.mongooseCollection);
  query.mongooseCollection = marked ? standIn(collection, marked) : collection;
  return query;
}

/**
 * An aggregate asks its model for the collection when it is executed: a marked one is executed as an heir of
 * itself whose model has the stand-in. To hooks `this.model()` is the model all the same.
 */
function markAggregate(aggregate: MarkableAggregate, given: unknown, readerOf: ReaderOf): MarkableAggregate {
  policyOf(aggregate._model, 'aggregate', given, readerOf); // what is wrong is said here, not when it is executed
  const exec = async (): Promise<unknown> => {
    const model = aggregate._model;
    const real = Reflect.get(Object.getPrototypeOf(aggregate), 'exec') as MarkableAggregate['exec'];
    const marked = policyOf(model, 'aggregate', given, readerOf);
    if (!model || !marked || aggregate.options?.cursor) return real.call(aggregate);
    const collection = standIn(behind(model.collection as never), marked);
    const heir = Object.create(aggregate, {
      _model: { value: Object.create(model, { collection: { value: collection } }) },
      model: { value: () => model },
    }) as MarkableAggregate;
    return real.call(heir);
  };
  Object.defineProperty(aggregate, 'exec', { value: exec, configurable: true, writable: true });
  return aggregate;
}

function policyOf(
  model: Model<unknown> | undefined,
  operation: string,
  given: unknown,
  readerOf: ReaderOf,
): { model: Model<unknown>; policy: QueryPolicy; reads: CachedReads } | undefined {
  if (!model) return undefined;
  const reader = readerOf(model.db);
  if (!reader) return undefined;
  const policy = queryPolicy(
    given,
    reader.defaults,
    `${model.modelName}.${operation}().cache(${briefly(given)})`,
  );
  return policy && { model, policy, reads: reader.reads };
}

const briefly = (given: unknown): string =>
  given === undefined || typeof given === 'object' ? '' : shown(given);
