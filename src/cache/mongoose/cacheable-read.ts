import type { Model, mongo } from 'mongoose';
import { canBeTagged, queryModelTags } from '../tags.js';
import { newLikeness, type Likeness } from './bson/documents.js';
import type { CacheableRead, CachedReads } from './cached-reads.js';
import { collectionsOf, readTags } from './dependencies.js';
import { bsonOf, clientOf, wasClosed, type NativeCollection } from './mongoose-internals.js';
import { queryKey } from './query-key.js';
import type { QueryPolicy } from './query-policy.js';
import { words, type Decoding, type Read, type ReadOperation } from './read.js';
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
export async function cacheableRead(
  read: Read,
  collection: NativeCollection,
  { model, policy, alike = [] }: Marked,
  bypass: () => Promise<unknown>,
): Promise<CacheableRead | undefined> {
  const client = clientOf(collection.conn);
  const driver = collection.collection;
  if (!client || !driver || wasClosed(collection.conn)) return undefined;
  if (hasFieldEncryption(client) || readsElsewhere(read.options.session)) return undefined;
  const decoding = decodingOf(driver, read.options);
  const place = {
    cluster: clusterOf(client),
    database: driver.dbName,
    collection: driver.collectionName,
    model: model.modelName,
  };
  const bson = bsonOf(collection.conn.base);
  const fingerprint = queryKey({ ...read, options: { ...read.options, ...decoding } }, place, bson);
  const named = collectionsOf(read, place.collection);
  const collections = fingerprint !== undefined && named && (await collectionsBehind(driver.db, named));
  if (!collections) return undefined;
  return {
    fingerprint,
    tags: [
      ...readTags(read, place.database, collections),
      ...modelTags(model),
      ...alike.flatMap(queryModelTags),
    ],
    policy,
    decoding,
    likeness: likenessOf(driver),
    isShareable: isPrimary(read.options.readPreference ?? driver.readPreference),
    load: (alone) => load(alone ? { ...read, options: unbound(read.options) } : read, collection, decoding),
    bypass,
  };
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
function readsElsewhere(session: unknown): boolean {
  const { snapshotEnabled = false, inTransaction } = (session ?? {}) as Partial<mongo.ClientSession>;
  return snapshotEnabled || Boolean(inTransaction?.call(session as mongo.ClientSession));
}

function isPrimary(readPreference: unknown): boolean {
  const { mode, preference } = (readPreference ?? {}) as { mode?: unknown; preference?: unknown };
  const asked = typeof readPreference === 'string' ? readPreference : (mode ?? preference);
  return asked === 'primary';
}

const DECODING = words(
  'promoteValues promoteLongs promoteBuffers useBigInt64 bsonRegExp fieldsAsRaw raw',
  'ignoreUndefined enableUtf8Validation',
);

/** The driver's own rule: options of the call, then those of the collection. */
function decodingOf(driver: mongo.Collection, options: Read['options']): Decoding {
  const inherited = driver.bsonOptions as Options;
  return Object.fromEntries(DECODING.map((name) => [name, options[name] ?? inherited[name]]));
}

const likenesses = new WeakMap<mongo.Collection, Likeness>();

function likenessOf(driver: mongo.Collection): Likeness {
  let likeness = likenesses.get(driver);
  if (!likeness) likenesses.set(driver, (likeness = newLikeness()));
  return likeness;
}

/** The model's own and, for a discriminator, those of its base. */
function modelTags(model: Model<unknown>): string[] {
  const { baseModelName } = model as { baseModelName?: string };
  const names = [model.modelName, ...(baseModelName === undefined ? [] : [baseModelName])];
  return names
    .map((modelName) => ({ modelName, db: model.db }))
    .filter(canBeTagged)
    .flatMap(queryModelTags);
}

const clusters = new WeakMap<mongo.MongoClient, string>();

/** Which servers, and who asks: users may be shown different things. It becomes part of a hash only. */
function clusterOf(client: mongo.MongoClient): string {
  const known = clusters.get(client);
  if (known !== undefined) return known;
  const { srvHost, hosts, credentials } = client.options;
  const at = srvHost ?? hosts.map(String).sort().join();
  const cluster = JSON.stringify([at, credentials?.username ?? '', credentials?.source ?? '']);
  clusters.set(client, cluster);
  return cluster;
}
