import { bsonType, isPlain, words, type Read } from './read.js';

/** What one write may have changed. */
export interface Write {
  database: string;
  /** Absent: the whole database. */
  collection?: string;
  /** `_id`s of all documents that it may have changed, created or removed. Absent: nobody knows which. */
  ids?: readonly unknown[];
  /** Afterwards the name may stand for something else: a view, or nothing. */
  redefines?: true;
}

/** What a read is an answer from. */
export interface Sources {
  collections: readonly string[];
  /** An insert removes other documents, too: the oldest. */
  isCapped?: boolean;
}

/** A read of more documents by `_id` depends on the collection: checking many tags costs more than it saves. */
const MOST_DOCUMENTS = 20;
/** A write to more documents counts as one to any of them. */
const MOST_WRITTEN = 100;

const databaseTag = (database: string): string => `D:${database}`;
const collectionTag = (database: string, collection: string): string => `c:${database}.${collection}`;
/** Stamped by writes whose documents are not known. */
const bulkTag = (database: string, collection: string): string => `b:${database}.${collection}`;
const documentTag = (database: string, collection: string, id: string): string =>
  `d:${database}.${collection}:${id}`;

/**
 * Collections of its database that a read names, in whatever way. Undefined when its pipeline does something that
 * is not known here, or writes.
 */
export function collectionsOf(read: Read, collection: string): string[] | undefined {
  return read.operation === 'aggregate'
    ? collectionsOfPipeline(read.pipeline ?? [], collection)
    : [collection];
}

/**
 * Registry tags of a read: what may change its result. A read of one collection that fixes `_id` depends on these
 * documents (and on writes that don't say which they change), any other on its collections. All depend on the
 * database.
 */
export function readTags(read: Read, database: string, { collections, isCapped = false }: Sources): string[] {
  const [collection, ...more] = collections as [string, ...string[]];
  const ids = more.length === 0 && !isCapped ? fixedIds(read.filter)?.map(idTag) : undefined;
  if (!ids || ids.length > MOST_DOCUMENTS || ids.includes(undefined)) {
    return [databaseTag(database), ...collections.map((name) => collectionTag(database, name))];
  }
  const documents = (ids as string[]).map((id) => documentTag(database, collection, id));
  return [databaseTag(database), bulkTag(database, collection), ...documents];
}

/** Registry tags that a write stamps: those of every read whose result it may have changed. */
export function writeTags({ database, collection, ids }: Write): string[] {
  if (collection === undefined) return [databaseTag(database)];
  const whole = collectionTag(database, collection);
  if (!ids || ids.length > MOST_WRITTEN) return [whole, bulkTag(database, collection)];
  // Documents of other `_id` types are in no document tag: reads by them depend on the collection.
  const known = ids.map(idTag).filter((id) => id !== undefined);
  return [whole, ...known.map((id) => documentTag(database, collection, id))];
}

/** Exact `_id`s that a filter asks for: no document with another one can match it. */
export function fixedIds(filter: unknown): unknown[] | undefined {
  if (!isPlain(filter) || !Object.hasOwn(filter, '_id')) return undefined;
  const condition = filter._id;
  if (!isPlain(condition)) return isExact(condition) ? [condition] : undefined;
  const [[operator, operand] = [], ...more] = Object.entries(condition);
  if (more.length > 0) return undefined;
  if (operator === '$eq' && isExact(operand)) return [operand];
  if (operator === '$in' && Array.isArray(operand) && operand.every(isExact)) return operand;
  return undefined;
}

/** `_id`s of all documents that a write with this filter may change or, where it inserts what it doesn't find, create. */
export function writtenIds(filter: unknown, upserts: unknown): unknown[] | undefined {
  // A condition is no `_id` for what is inserted: the update brings one, or the server gives it one.
  return upserts && isPlain(filter) && isPlain(filter._id) ? undefined : fixedIds(filter);
}

/** Values that equal one `_id` only; null, undefined, patterns, lists and objects may mean more than they say. */
function isExact(value: unknown): boolean {
  if (['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return true;
  if (value instanceof Date || value instanceof Uint8Array) return true;
  const type = bsonType(value);
  return type !== undefined && (NUMBERS.has(type) || type === 'ObjectId' || type === 'Binary');
}

const NUMBERS = new Set(['Int32', 'Double', 'Long', 'Decimal128']);
const LONGEST_BINARY = 64;

/**
 * An `_id` as part of a tag, the same for all values that the server takes for equal: 1 is 1.0 and Decimal128
 * '1'. Strings are not among them: a collation, which may be the collection's own, decides which are equal.
 */
function idTag(id: unknown): string | undefined {
  if (typeof id === 'number' || typeof id === 'bigint') return `n${Number(id)}`;
  const type = bsonType(id);
  if (type === 'ObjectId') return `o${(id as { toHexString(): string }).toHexString()}`;
  if (type !== undefined && NUMBERS.has(type)) return `n${Number(String(id))}`;
  const bytes = id instanceof Uint8Array ? id : type === 'Binary' && (id as { value(): unknown }).value();
  if (bytes instanceof Uint8Array && bytes.length <= LONGEST_BINARY)
    return `b${Buffer.from(bytes).toString('hex')}`;
  return undefined;
}

/** Stages whose result follows from their input and what they name; `$out`, `$merge`, `$sample` and others don't. */
const STAGES = new Set(
  words(
    '$match $project $addFields $set $unset $group $sort $limit $skip $unwind $bucket',
    '$bucketAuto $count $sortByCount $replaceRoot $replaceWith $redact $geoNear $densify',
    '$fill $setWindowFields $documents $lookup $graphLookup $unionWith $facet',
  ),
);

/** All collections that a pipeline reads, those of its sub-pipelines included. */
export function collectionsOfPipeline(
  pipeline: readonly unknown[],
  collection: string,
): string[] | undefined {
  const names = pipeline.map((stage) => collectionsOfStage(stage, collection));
  return names.includes(undefined) ? undefined : [...new Set([collection, ...(names as string[][]).flat()])];
}

function collectionsOfStage(stage: unknown, collection: string): string[] | undefined {
  if (!isPlain(stage)) return undefined;
  const [[name, body] = [], ...more] = Object.entries(stage);
  if (name === undefined || more.length > 0 || !STAGES.has(name)) return undefined;
  if (name === '$facet') return isPlain(body) ? union(Object.values(body), collection) : undefined;
  if (name === '$lookup' || name === '$graphLookup' || name === '$unionWith')
    return collectionsOfJoin(body, collection);
  return [];
}

/** `from` or `coll` may be left out where the pipeline brings its own documents. */
function collectionsOfJoin(body: unknown, collection: string): string[] | undefined {
  if (typeof body === 'string') return [body];
  if (!isPlain(body)) return undefined;
  const { from = body.coll, pipeline = [] } = body;
  if (from !== undefined && typeof from !== 'string') return undefined;
  return union([pipeline], from ?? collection);
}

function union(pipelines: readonly unknown[], collection: string): string[] | undefined {
  const names = pipelines.map((one) =>
    Array.isArray(one) ? collectionsOfPipeline(one, collection) : undefined,
  );
  return names.includes(undefined) ? undefined : (names as string[][]).flat();
}

/** Where a pipeline writes to, if its last stage does. */
export function writeOfPipeline(pipeline: readonly unknown[], database: string): Write | undefined {
  const last = pipeline.at(-1);
  if (!isPlain(last)) return undefined;
  const into = isPlain(last.$merge) ? last.$merge.into : (last.$out ?? last.$merge);
  if (typeof into === 'string') return { database, collection: into };
  if (!isPlain(into) || typeof into.coll !== 'string') return undefined;
  return { database: typeof into.db === 'string' ? into.db : database, collection: into.coll };
}
