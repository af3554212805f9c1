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

const originals = new WeakMap<object, NativeCollection>();

/** The collection itself, whether or not a stand-in is in front of it. */
export const behind = (collection: NativeCollection): NativeCollection =>
  originals.get(collection) ?? collection;

/**
 * What a marked query talks to in place of its collection: its reads are answered from the cache, all else is
 * the collection's own. The filter seen here is final (cast, after hooks and plugins), and whatever Mongoose does
 * with the answer, it does with a hit as with a miss.
 */
export function standIn(collection: NativeCollection, marked: Marked): NativeCollection {
  const answer = async (read: Read, bypass: () => Promise<unknown>): Promise<unknown> => {
    const cacheable = await cacheableRead(read, collection, marked, bypass);
    return cacheable ? marked.reads.answer(cacheable) : bypass();
  };
  const refuse = (operation: string) => () =>
    Promise.reject(
      new QueryCacheError({
        problem: `${marked.model.modelName}.${operation}() writes, and .cache() was called on it`,
        expected: 'a query that reads',
        advice: 'remove .cache(): what the write changes is invalidated by itself',
      }),
    );
  const methods = {
    // Only `toArray` is asked for: cursors and streams of Mongoose begin at the model's own collection.
    find: (filter: mongo.Document, options: Options = {}) => {
      marked.onRead?.();
      return isLive(options)
        ? collection.find(filter, options)
        : {
            toArray: () =>
              answer({ operation: 'find', filter, options }, async () =>
                (await collection.find(filter, options)).toArray(),
              ),
          };
    },
    findOne: (filter: mongo.Document, options: Options = {}) => {
      marked.onRead?.();
      return answer({ operation: 'findOne', filter, options }, () => collection.findOne(filter, options));
    },
    countDocuments: (filter: mongo.Document, options: Options = {}) =>
      answer({ operation: 'countDocuments', filter, options }, () =>
        collection.countDocuments(filter, options),
      ),
    estimatedDocumentCount: (options: Options = {}) =>
      answer({ operation: 'estimatedDocumentCount', options }, () =>
        collection.estimatedDocumentCount(options),
      ),
    distinct: (field: string, filter: mongo.Document, options: Options = {}) =>
      answer({ operation: 'distinct', field, filter, options }, () =>
        collection.distinct(field, filter, options),
      ),
    aggregate: (pipeline: mongo.Document[], options: Options = {}) =>
      isLive(options)
        ? collection.aggregate(pipeline, options)
        : {
            toArray: () =>
              answer({ operation: 'aggregate', pipeline, options }, async () =>
                (await collection.aggregate(pipeline, options)).toArray(),
              ),
          },
    ...(!marked.isBySchema && Object.fromEntries(WRITES.map((operation) => [operation, refuse(operation)]))),
  };
  return inFrontOf(collection, methods);
}

/** The collection with other methods, which knows what it is in front of. */
export function inFrontOf(collection: NativeCollection, methods: object): NativeCollection {
  const instead = Object.create(collection, Object.getOwnPropertyDescriptors(methods)) as NativeCollection;
  originals.set(instead, collection);
  return instead;
}

/** Asked for something else than documents: how they would be found, or those that are yet to come. */
const isLive = ({ explain, tailable, awaitData }: Options): boolean =>
  Boolean(explain || tailable || awaitData);
