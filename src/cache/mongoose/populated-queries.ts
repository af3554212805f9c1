import { callBehind, type Methods } from './methods-in-front.js';
import { standIn } from './collection-stand-in.js';

import {
  modelsOn,
  type MarkableQuery,
  type NativeCollection,
  type PopulatePath,
} from './mongoose-internals.js';
import { markedReads } from './marked-reads.js';
import type { QueryCacheOptions } from './mongoose.types.js';

type Options = Record<string, unknown>;

/**
 * How the queries of a `populate` are cached: as the query that populates was asked to be, each under a key of
 * its own. It lies in the options of the path, which Mongoose hands to the query that it makes for that path, and
 * that one to its collection.
 */
export class PopulatePolicy {
  constructor(readonly given: Omit<QueryCacheOptions, 'key'> | false) {}

  static of(given: unknown): PopulatePolicy {
    if (given === false) return new PopulatePolicy(false);
    if (typeof given !== 'object' || given === null) return new PopulatePolicy(asOptions(given));
    const { key: _key, ...options } = given as QueryCacheOptions;
    return new PopulatePolicy(options);
  }
}

const asOptions = (ttl: unknown): QueryCacheOptions =>
  ttl === undefined ? {} : { ttl: ttl as number | string };

/** The policy that a query was given by the one that populates, taken out of its options. */
export function takePopulatePolicy(options: Options | undefined): PopulatePolicy | undefined {
  const policy = options?.cache;
  if (!(policy instanceof PopulatePolicy)) return undefined;
  delete (options as Options).cache;
  return policy;
}

/** To be called when a query has all its paths (hooks add some): just before Mongoose begins to populate them. */
export function passOn(query: MarkableQuery, policy: PopulatePolicy): void {
  const paths = query._mongooseOptions?.populate;
  if (!paths) return;
  for (const [name, path] of Object.entries(paths)) paths[name] = withPolicy(path, policy);
}

/** A copy: the path may be another query's, too. */
function withPolicy(path: PopulatePath, policy: PopulatePolicy): PopulatePath {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(path) as object) as PopulatePath, path);
  copy.options = { ...path.options, cache: policy };
  if (path.populate) copy.populate = nested(path.populate, policy);
  return copy;
}

function nested(inner: NonNullable<PopulatePath['populate']>, policy: PopulatePolicy): PopulatePath[] {
  return [inner].flat().flatMap((one: string | PopulatePath) =>
    typeof one === 'string'
      ? one
          .split(/\s+/)
          .filter(Boolean)
          .map((path) => withPolicy({ path }, policy))
      : [withPolicy(one, policy)],
  );
}

/** Options by which Mongoose tells itself how to assign what was populated; the driver does not know them. */
const ASSIGNING = ['cache', '_deferPopulate', '_leanTransform', 'retainNullValues'];

/**
 * In front of Mongoose's collections: the `find` of a populate is answered as one on which `.cache()` was called.
 * Which of the collection's models asks is not known here, so the entry is one of all of them.
 */
export const populatedReads: Methods = {
  find(this: NativeCollection, ...args: [filter: never, options?: Options]) {
    const [filter, options] = args;
    const policy = options?.cache;
    if (!(policy instanceof PopulatePolicy)) return callBehind(this, 'find', args);
    const driverOptions = Object.fromEntries(
      Object.entries(options as Options).filter(([name]) => !ASSIGNING.includes(name)),
    );
    const [model, ...more] = modelsOn(this);
    const marked = markedReads(model, 'populate', policy.given);
    if (!marked) return callBehind(this, 'find', [filter, driverOptions]);
    return standIn(this, { ...marked, alike: more }).find(filter, driverOptions);
  },
};
