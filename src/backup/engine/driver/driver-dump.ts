import mongoose from 'mongoose';
import { archivePrelude, type DeclaredNamespace, NamespaceBlocks } from '../../archive/archive-writer.js';
import type { NamespaceType } from '../../archive/archive-summary.js';
import { BackupError } from '../../backup.errors.js';
import { OWN_DATABASES } from '../../names.js';
import type { DumpManner, DumpSelection, ReadPreference } from '../dump-engine.js';
import { atOnce } from './at-once.js';
import type { Client, Db } from './driver-connection.js';
import { toExtendedJson } from '../../archive/extended-json.js';
import { rawBatches } from './raw-cursor.js';

const { BSON } = mongoose.mongo;
const BUCKETS = 'system.buckets.';

/**
 * Reads databases into an archive.
 *
 * @param put takes the next bytes, and resolves when it can take more
 */
export async function dumpInto(
  client: Client,
  selection: DumpSelection,
  { concurrency, readPreference }: DumpManner,
  toolVersion: string,
  put: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  const { version } = await client.db('admin').command({ buildInfo: 1 });
  const databases = selection.database === '*' ? await databasesOf(client) : [selection.database];
  const namespaces: DeclaredNamespace[] = [];
  for (const name of databases)
    namespaces.push(...(await namespacesOf(client.db(name), selection, readPreference)));
  await put(archivePrelude({ concurrency, serverVersion: String(version), toolVersion }, namespaces));
  await atOnce(concurrency, namespaces, (namespace) => readNamespace(client, namespace, readPreference, put));
}

/** All but the server's settings and its log; users and roles are in `admin`, and come first. */
async function databasesOf(client: Client): Promise<string[]> {
  const { databases } = await client
    .db('admin')
    .admin()
    .listDatabases({ nameOnly: true, authorizedDatabases: false });
  const others = databases.map(({ name }) => name).filter((name) => !OWN_DATABASES.includes(name));
  return ['admin', ...others];
}

/** Of what the server keeps for itself only what people gave to it. */
function isKept(database: string, collection: string): boolean {
  if (!collection.startsWith('system.') || collection === 'system.js') return true;
  return database === 'admin' && /^system\.(users|roles|version)$/.test(collection);
}

/** One document of listCollections; what is nested is BSON. */
interface Listed {
  readonly name: string;
  readonly type?: NamespaceType;
  readonly options?: Uint8Array;
  readonly info?: Uint8Array;
}

async function namespacesOf(
  db: Db,
  { collections, except = [] }: DumpSelection,
  readPreference: ReadPreference | undefined,
): Promise<DeclaredNamespace[]> {
  const listed: Listed[] = [];
  for await (const batch of rawBatches(db, { listCollections: 1 }, readPreference))
    listed.push(...batch.documents().map((bytes) => BSON.deserialize(bytes, { raw: true }) as Listed));
  const names = new Set(listed.map(({ name }) => name));
  const chosen = listed.filter(
    ({ name }) =>
      (collections ? collections.includes(name) : !except.includes(name)) && isKept(db.databaseName, name),
  );
  const namespaces: DeclaredNamespace[] = [];
  for (const { name: collection, type = 'collection', options, info } of chosen) {
    const isSeries = type === 'timeseries';
    if (isSeries && !names.has(BUCKETS + collection)) throw withoutBuckets(db, collection);
    namespaces.push({
      database: db.databaseName,
      collection,
      type,
      dataCollection: isSeries ? BUCKETS + collection : collection,
      metadata: metadataOf({
        options: options && toExtendedJson(options),
        indexes: type === 'view' ? [] : await indexesOf(db, collection, readPreference),
        uuid: uuidOf(info),
        collection,
        type,
      }),
    });
  }
  return namespaces;
}

async function indexesOf(
  db: Db,
  collection: string,
  readPreference: ReadPreference | undefined,
): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of rawBatches(db, { listIndexes: collection }, readPreference))
    found.push(...batch.documents().map(toExtendedJson));
  return found;
}

/** As mongodump writes it: without what is empty. */
function metadataOf(of: {
  readonly options: string | undefined;
  readonly indexes: readonly string[];
  readonly uuid: string | undefined;
  readonly collection: string;
  readonly type: NamespaceType;
}): string {
  const members = [
    ...(of.options === undefined || of.options === '{}' ? [] : [`"options":${of.options}`]),
    `"indexes":[${of.indexes.join(',')}]`,
    ...(of.uuid === undefined ? [] : [`"uuid":"${of.uuid}"`]),
    `"collectionName":${JSON.stringify(of.collection)}`,
    `"type":"${of.type}"`,
  ];
  return `{${members.join(',')}}`;
}

function uuidOf(info: Uint8Array | undefined): string | undefined {
  const { uuid } = (info ? BSON.deserialize(info) : {}) as {
    uuid?: { toHexString(dashes: boolean): string };
  };
  return uuid?.toHexString(false);
}

async function readNamespace(
  client: Client,
  namespace: DeclaredNamespace,
  readPreference: ReadPreference | undefined,
  put: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  const blocks = new NamespaceBlocks(namespace);
  let isEmpty = true;
  const { database, dataCollection: find, type } = namespace;
  if (type !== 'view')
    for await (const batch of rawBatches(client.db(database), { find, filter: {} }, readPreference)) {
      await put(blocks.documents(batch.bytes, (target, at) => batch.copy(target, at)));
      isEmpty = false;
    }
  if (isEmpty) await put(blocks.documents(0, () => undefined));
  await put(blocks.end());
}

function withoutBuckets({ databaseName }: Db, collection: string): BackupError {
  return new BackupError('SERVER_FAILED', {
    problem: `This server keeps the time series ${databaseName}.${collection} in a way that the driver can't read as it is`,
    advice: "back it up with the engine 'mongodump'",
  });
}
