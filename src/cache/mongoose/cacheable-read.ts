import type { Model, mongo } from 'mongoose';
import { canBeTagged, queryModelTags } from '../tags.js';
import { newLikeness, type Likeness } from './bson/documents.js';
import type { CacheableRead, CachedReads } from './cached-reads.js';
import { collectionsOf, readTags, type Sources } from './dependencies.js';
import { bsonOf, clientOf, wasClosed, type NativeCollection } from './mongoose-internals.js';
import { queryKey } from './query-key.js';
import type { QueryPolicy } from './query-policy.js';
import { words, type Bson, type Decoding, type Place, type Read, type ReadOperation } from './read.js';
import { documentPayload, documentsPayload, valuePayload } from './result.js';
import { collectionsBehind } from './views.js';

/** A query or aggregate on which `.cache()` was called: who asks, and how the answer is kept. */
export interface Marked {
  model: Model<unknown>;
  policy: QueryPolicy;
  reads: CachedReads;
  /** Other models that the answer is one of: `clearModelCache` of each drops it. */
  alike?: readonly Model<unknown>[];
  /** The schema said so, and nobody called `.cache()`. */
  isBySchema?: true;
  /** Told when the query is about to be answered: all its hooks have run. */
  onRead?: () => void;
}

type Options = Record<string, unknown>;

/** Undefined when the read must go past the cache: not connected, in a transaction, or unknown in some part. */
export function cacheableRead(
  read: Read,
  collection: NativeCollection,
  { model, policy, alike = [] }: Marked,
  bypass: () => Promise<unknown>,
): CacheableRead | undefined | Promise<CacheableRead | undefined> {
  const client = clientOf(collection.conn);
  const driver = collection.collection;
  if (!client || !driver || wasClosed(collection.conn)) return undefined;
  if (hasFieldEncryption(client) || readsElsewhere(read.options) || isOver(read.options)) return undefined;
  const { bson, place, modelTags, likeness } = surroundingsOf(client, driver, collection, model);
  const decoding = decodingOf(driver, read.options);
  const fingerprint = queryKey(read, place, bson, decoding);
  const named = fingerprint === undefined ? undefined : collectionsOf(read, place.collection);
  if (fingerprint === undefined || !named) return undefined;
  const cacheable = (sources: Sources | undefined) =>
    sources && {
      fingerprint,
      tags: [
        ...readTags(read, place.database, sources),
        ...modelTags,
        ...alike.flatMap(queryModelTags),
        ...policy.tags,
      ],
      policy,
      decoding,
      likeness,
      isShareable: isPrimary(read.options.readPreference ?? driver.readPreference),
      load: (alone?: boolean) =>
        load(alone ? { ...read, options: unbound(read.options) } : read, collection, decoding),
      bypass,
    };
  const sources = collectionsBehind(driver.db, named, bson);
  return sources instanceof Promise ? sources.then(cacheable) : cacheable(sources);
}

/** What all reads of a model have in common as long as its collection is the same. */
interface Surroundings {
  driver: mongo.Collection;
  bson: Bson;
  place: Place;
  modelTags: readonly string[];
  likeness: Likeness;
}

const surroundings = new WeakMap<Model<unknown>, Surroundings>();

function surroundingsOf(
  client: mongo.MongoClient,
  driver: mongo.Collection,
  { conn }: NativeCollection,
  model: Model<unknown>,
): Surroundings {
  const known = surroundings.get(model);
  if (known?.driver === driver) return known;
  const around = {
    driver,
    bson: bsonOf(conn.base),
    place: {
      cluster: clusterOf(client),
      database: driver.dbName,
      collection: driver.collectionName,
      model: model.modelName,
      ...(driver.readConcern && { readConcern: driver.readConcern.level }),
    },
    modelTags: tagsOf(model),
    likeness: newLikeness(),
  };
  surroundings.set(model, around);
  return around;
}

const LOADS: Record<
  ReadOperation,
  (collection: NativeCollection, read: Read, decoding: Decoding) => Promise<Buffer | undefined>
> = {
  find: async (collection, { filter, options }) =>
    documentsPayload(
      await raw((await collection.find(filter as mongo.Document, asBytes(options))).toArray()),
    ),
  findOne: async (collection, { filter, options }) =>
    documentPayload(await raw(collection.findOne(filter as mongo.Document, asBytes(options)))),
  aggregate: async (collection, { pipeline, options }) =>
    documentsPayload(
      await raw((await collection.aggregate(pipeline as mongo.Document[], asBytes(options))).toArray()),
    ),
  countDocuments: async (collection, { filter, options }, decoding) =>
    value(await collection.countDocuments(filter as mongo.Document, options), collection, decoding),
  estimatedDocumentCount: async (collection, { options }, decoding) =>
    value(await collection.estimatedDocumentCount(options), collection, decoding),
  distinct: async (collection, { field, filter, options }, decoding) =>
    value(
      await collection.distinct(field as string, filter as mongo.Document, options),
      collection,
      decoding,
    ),
};

const load = (read: Read, collection: NativeCollection, decoding: Decoding): Promise<Buffer | undefined> =>
  LOADS[read.operation](collection, read, decoding);

const asBytes = (options: Read['options']): Options => ({ ...options, raw: true });

/** What the driver gives where it is asked for bytes, which its types don't say. */
const raw = async <T>(documents: Promise<T>) =>
  (await documents) as unknown as T extends readonly unknown[] ? Uint8Array[] : Uint8Array | null;

const value = (value: unknown, { conn }: NativeCollection, decoding: Decoding): Buffer | undefined =>
  valuePayload(value, bsonOf(conn.base), decoding);

/** For a load that the caller does not wait for: its session may be over by then, its signal given. */
function unbound({ session: _session, signal: _signal, ...options }: Read['options']): Options {
  return options;
}

/** What is encrypted in the database must not lie decrypted in Redis. */
const hasFieldEncryption = (client: mongo.MongoClient): boolean =>
  client.options.autoEncryption !== undefined;

/** A transaction sees what is not committed yet, a snapshot what is over. */
function readsElsewhere({ session }: Options): boolean {
  const { snapshotEnabled = false, inTransaction } = (session ?? {}) as Partial<mongo.ClientSession>;
  return snapshotEnabled || Boolean(inTransaction?.call(session as mongo.ClientSession));
}

/** The driver has an error for it, whatever the answer would be. */
const isOver = ({ session, signal }: Options): boolean =>
  Boolean((session as mongo.ClientSession | undefined)?.hasEnded) ||
  Boolean((signal as AbortSignal | undefined)?.aborted);

function isPrimary(readPreference: unknown): boolean {
  const { mode, preference } = (readPreference ?? {}) as { mode?: unknown; preference?: unknown };
  const asked = typeof readPreference === 'string' ? readPreference : (mode ?? preference);
  return asked === 'primary';
}

const DECODING = words(
  'promoteValues promoteLongs promoteBuffers useBigInt64 bsonRegExp fieldsAsRaw raw',
  'ignoreUndefined enableUtf8Validation',
);

const inheritedBy = new WeakMap<object, Decoding>();

/** The driver's own rule: options of the call, then those of the collection. */
function decodingOf(driver: mongo.Collection, options: Read['options']): Decoding {
  const ofCollection = driver.bsonOptions as Options;
  let inherited = inheritedBy.get(ofCollection);
  if (!inherited) inheritedBy.set(ofCollection, (inherited = decodingOptions(ofCollection, {})));
  return DECODING.some((name) => (options[name] ?? undefined) !== undefined)
    ? decodingOptions(options, inherited)
    : inherited;
}

const decodingOptions = (options: Options, inherited: Decoding): Decoding =>
  Object.fromEntries(DECODING.map((name) => [name, options[name] ?? inherited[name]]));

/** The model's own and, for a discriminator, those of its base. */
function tagsOf(model: Model<unknown>): string[] {
  const { baseModelName } = model as { baseModelName?: string };
  const names = [model.modelName, ...(baseModelName === undefined ? [] : [baseModelName])];
  return names
    .map((modelName) => ({ modelName, db: model.db }))
    .filter(canBeTagged)
    .flatMap(queryModelTags);
}

/** Which servers, and who asks: users may be shown different things. It becomes part of a hash only. */
function clusterOf(client: mongo.MongoClient): string {
  const { srvHost, hosts, credentials } = client.options;
  const at = srvHost ?? hosts.map(String).sort().join();
  return JSON.stringify([at, credentials?.username ?? '', credentials?.source ?? '']);
}
