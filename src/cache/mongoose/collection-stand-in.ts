import type { mongo } from 'mongoose';
import { QueryCacheError } from '../cache.errors.js';
import { cacheableRead, type Marked } from './cacheable-read.js';
import type { NativeCollection } from './mongoose-internals.js';
import { words, type Read } from './read.js';

type Options = Record<string, unknown>;

const WRITES = words(
  'insertOne insertMany updateOne updateMany replaceOne deleteOne deleteMany bulkWrite',
  'findOneAndUpdate findOneAndReplace findOneAndDelete',
);

const MARKED = Symbol('marked');
const BEHIND = Symbol('behind');

interface StandIn extends NativeCollection {
  [MARKED]: Marked;
}

/** The collection itself, whether or not a stand-in is in front of it. */
export const behind = (collection: NativeCollection): NativeCollection =>
  (collection as { [BEHIND]?: NativeCollection })[BEHIND] ?? collection;

/** The collection with other methods, which knows what it is in front of. */
export function inFrontOf(collection: NativeCollection, methods: object): NativeCollection {
  const own = { ...methods, [BEHIND]: collection };
  return Object.create(collection, Object.getOwnPropertyDescriptors(own)) as NativeCollection;
}

type Prototypes = WeakMap<NativeCollection, NativeCollection>;
const prototypes: Prototypes = new WeakMap();
const prototypesBySchema: Prototypes = new WeakMap();

/**
 * What a marked query talks to in place of its collection: its reads are answered from the cache, all else is
 * the collection's own. The filter seen here is final (cast, after hooks and plugins), and whatever Mongoose does
 * with the answer, it does with a hit as with a miss.
 */
export function standIn(collection: NativeCollection, marked: Marked): NativeCollection {
  const known = marked.isBySchema ? prototypesBySchema : prototypes;
  let prototype = known.get(collection);
  if (!prototype) {
    const refused = marked.isBySchema ? [] : WRITES;
    prototype = inFrontOf(collection, {
      ...reads(collection),
      ...Object.fromEntries(refused.map((operation) => [operation, refusal(operation)])),
    });
    known.set(collection, prototype);
  }
  const instead = Object.create(prototype) as StandIn;
  instead[MARKED] = marked;
  return instead;
}

/** The same for all stand-ins of a collection: the mark is looked for on `this`. */
function reads(collection: NativeCollection): object {
  const answer = async (marked: Marked, read: Read, bypass: () => Promise<unknown>): Promise<unknown> => {
    const found = cacheableRead(read, collection, marked, bypass);
    const cacheable = found instanceof Promise ? await found : found;
    return cacheable ? marked.reads.answer(cacheable) : bypass();
  };
  return {
    // Only `toArray` is asked for: cursors and streams of Mongoose begin at the model's own collection.
    find(this: StandIn, filter: mongo.Document, options: Options = {}) {
      const marked = this[MARKED];
      marked.onRead?.();
      if (isLive(options)) return collection.find(filter, options);
      const bypass = async () => (await collection.find(filter, options)).toArray();
      return { toArray: () => answer(marked, { operation: 'find', filter, options }, bypass) };
    },
    findOne(this: StandIn, filter: mongo.Document, options: Options = {}) {
      const marked = this[MARKED];
      marked.onRead?.();
      return answer(marked, { operation: 'findOne', filter, options }, () =>
        collection.findOne(filter, options),
      );
    },
    countDocuments(this: StandIn, filter: mongo.Document, options: Options = {}) {
      return answer(this[MARKED], { operation: 'countDocuments', filter, options }, () =>
        collection.countDocuments(filter, options),
      );
    },
    estimatedDocumentCount(this: StandIn, options: Options = {}) {
      return answer(this[MARKED], { operation: 'estimatedDocumentCount', options }, () =>
        collection.estimatedDocumentCount(options),
      );
    },
    distinct(this: StandIn, field: string, filter: mongo.Document, options: Options = {}) {
      return answer(this[MARKED], { operation: 'distinct', field, filter, options }, () =>
        collection.distinct(field, filter, options),
      );
    },
    aggregate(this: StandIn, pipeline: mongo.Document[], options: Options = {}) {
      if (isLive(options)) return collection.aggregate(pipeline, options);
      const bypass = async () => (await collection.aggregate(pipeline, options)).toArray();
      return { toArray: () => answer(this[MARKED], { operation: 'aggregate', pipeline, options }, bypass) };
    },
  };
}

const refusal = (operation: string) =>
  function (this: StandIn): Promise<never> {
    return Promise.reject(
      new QueryCacheError({
        problem: `${this[MARKED].model.modelName}.${operation}() writes, and .cache() was called on it`,
        expected: 'a query that reads',
        advice: 'remove .cache(): what the write changes is invalidated by itself',
      }),
    );
  };

/** Asked for something else than documents: how they would be found, or those that are yet to come. */
const isLive = ({ explain, tailable, awaitData }: Options): boolean =>
  Boolean(explain || tailable || awaitData);
