import type { Mongoose } from 'mongoose';
import { QueryCacheError } from '../cache.errors.js';
import { behind, inFrontOf, standIn } from './collection-stand-in.js';
import { markedReads } from './marked-reads.js';
import { callBehind, putInFront, type Methods } from './methods-in-front.js';
import {
  aggregatePrototype,
  queryPrototype,
  type MarkableAggregate,
  type MarkableQuery,
  type NativeCollection,
} from './mongoose-internals.js';
import { passOn, PopulatePolicy, takePopulatePolicy } from './populated-queries.js';
import type { SchemaDefaults } from './query-policy.js';
import { readerOf } from './reader.js';

const READS = new Set(['find', 'findOne', 'countDocuments', 'estimatedDocumentCount', 'distinct']);

const users = new WeakMap<Mongoose['Query'], number>();

/**
 * Adds `cache()` to the queries and aggregates of this copy of Mongoose: one method each on
 * `Query.prototype` and `Aggregate.prototype`, which all Mongoose instances of that copy share. No method of
 * theirs is replaced. Gives back the way to take them away again, which the last user's call does.
 *
 * @throws QueryCacheError when something else has added a method of that name
 */
export function addCacheMethods(base: Mongoose): () => void {
  const before = users.get(base.Query) ?? 0;
  if (before === 0) addMethods(base);
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

function addMethods(base: Mongoose): void {
  const prototypes = [queryPrototype(base), aggregatePrototype(base)] as const;
  if (prototypes.some((prototype) => Object.hasOwn(prototype, 'cache'))) {
    throw new QueryCacheError({
      problem: 'queries of this Mongoose have a method `cache` already',
      advice: 'remove the other plugin that adds it',
    });
  }
  const [query, aggregate] = prototypes;
  define(query, 'cache', function (this: MarkableQuery, given?: unknown) {
    return markQuery(this, given);
  });
  define(aggregate, 'cache', function (this: MarkableAggregate, given?: unknown) {
    return markAggregate(this, given);
  });
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

/**
 * What the caller gave to `.cache()`. It is on the stand-in, which clones take along, and not in a WeakMap: an entry
 * for every query makes each collection of garbage look through all of them.
 */
const MARK = Symbol('mark');
interface MarkedCollection extends NativeCollection {
  [MARK]?: { given: unknown };
}
const markOf = (collection: MarkedCollection) => collection[MARK];

function markQuery(query: MarkableQuery, given: unknown, defaults?: SchemaDefaults): MarkableQuery {
  const { model, op } = query;
  if (op !== undefined && !READS.has(op)) {
    throw new QueryCacheError({
      problem: `${model?.modelName}.${op}() writes, and .cache() was called on it`,
      expected: 'a query that reads',
      advice: 'remove .cache(): what the write changes is invalidated by itself',
    });
  }
  const marked = markedReads(model, op ?? 'query', given, defaults);
  if (!model || !readerOf(model.db)) return query;
  const policy = PopulatePolicy.of(given);
  const onRead = () => passOn(query, policy);
  const collection = behind(query.mongooseCollection);
  const instead: MarkedCollection = marked
    ? standIn(collection, { ...marked, onRead })
    : declined(collection, onRead);
  instead[MARK] = { given };
  query.mongooseCollection = instead;
  putInFront(query, copying);
  return query;
}

/** `.cache(false)`: all goes to the collection, whatever the schema says, and so it does for what is populated. */
function declined(collection: NativeCollection, onRead: () => void): NativeCollection {
  return inFrontOf(collection, {
    find(...args: Parameters<NativeCollection['find']>) {
      onRead();
      return collection.find(...args);
    },
    findOne(...args: [never, never]) {
      onRead();
      return collection.findOne(...args);
    },
  });
}

/** On marked queries: a copy passes its mark on to what it populates itself, not what its original does. */
const copying: Methods = {
  clone(this: MarkableQuery) {
    return markedAs(this.mongooseCollection, callBehind<MarkableQuery>(this, 'clone', []));
  },
  toConstructor(this: MarkableQuery) {
    type Constructor = new (...args: unknown[]) => MarkableQuery;
    const collection = this.mongooseCollection;
    const Query = callBehind<Constructor>(this, 'toConstructor', []);
    const Marked = function (...args: unknown[]) {
      return markedAs(collection, new Query(...args));
    };
    Marked.prototype = Query.prototype as object;
    return Marked;
  },
};

function markedAs(original: NativeCollection, copy: MarkableQuery): MarkableQuery {
  const mark = markOf(original);
  return mark ? markQuery(copy, mark.given) : copy;
}

/** In a `pre` hook of the schema: what the caller said counts more than the schema, the schema more than nothing. */
export function markQueryBySchema(query: MarkableQuery, defaults: SchemaDefaults): void {
  const { model, op } = query;
  if (!model || op === undefined || !readerOf(model.db)) return;
  const byCaller = takePopulatePolicy(query.options) ?? markOf(query.mongooseCollection);
  if (byCaller) {
    markQuery(query, byCaller.given, defaults);
    return;
  }
  if (!defaults.operations.has(op)) return;
  const marked = markedReads(model, op, undefined, defaults);
  const collection = behind(query.mongooseCollection);
  query.mongooseCollection = marked ? standIn(collection, { ...marked, isBySchema: true }) : collection;
}

const schemaDefaultsOf = new WeakMap<MarkableAggregate, SchemaDefaults>();

/** For an aggregate that was just made. */
export function markAggregateBySchema(aggregate: MarkableAggregate, defaults: SchemaDefaults): void {
  schemaDefaultsOf.set(aggregate, defaults);
  if (defaults.operations.has('aggregate')) markAggregate(aggregate, undefined);
}

/**
 * An aggregate asks its model for the collection when it is executed: a marked one is executed as an heir of
 * itself whose model has the stand-in. To hooks `this.model()` is the model all the same.
 */
function markAggregate(aggregate: MarkableAggregate, given: unknown): MarkableAggregate {
  const reads = () => markedReads(aggregate._model, 'aggregate', given, schemaDefaultsOf.get(aggregate));
  reads(); // what is wrong is said here, not when it is executed
  define(aggregate, 'exec', async (): Promise<unknown> => {
    const model = aggregate._model;
    const real = Reflect.get(Object.getPrototypeOf(aggregate), 'exec') as MarkableAggregate['exec'];
    const marked = reads();
    if (!model || !marked || aggregate.options?.cursor) return real.call(aggregate);
    const collection = standIn(behind(model.collection as never), marked);
    const heir = Object.create(aggregate, {
      _model: { value: Object.create(model, { collection: { value: collection } }) },
      model: { value: () => model },
    }) as MarkableAggregate;
    return real.call(heir);
  });
  return aggregate;
}
