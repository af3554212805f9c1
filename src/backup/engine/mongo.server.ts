import mongoose from 'mongoose';
import { BackupError, TargetNotEmptyError } from '../backup.errors.js';
import type { NamespaceType } from '../archive/archive-summary.js';
import {
  type Definition,
  extendedJsonOf,
  fromExtendedJson,
  toExtendedJson,
} from '../archive/extended-json.js';
import { rawBatches } from './driver/raw-cursor.js';
import { readConnectionString } from './connection-string.js';
import { DatabaseServer, type Note, type ServerNamespace, ServerSession } from './database-server.js';
import { type DriverError, isOfDriver, isRefusal, serverFailure } from './server-failure.js';
import { MongoReplayTarget } from './mongo.replay-target.js';

const { BSON, MongoClient } = mongoose.mongo;
type Client = InstanceType<typeof MongoClient>;
type Db = ReturnType<Client['db']>;

/** How long to look for the server, unless the connection string says otherwise. */
const PATIENCE_MS = 10_000;
/** Of the server itself: its users, its settings, its log. Never taken for application data. */
const OWN_DATABASES = ['admin', 'config', 'local'];

/** The server through the MongoDB driver; one connection per piece of work, closed after it. */
export class MongoServer extends DatabaseServer {
  constructor(private readonly uri: string) {
    super();
  }

  async use<T>(work: (session: ServerSession) => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
    const secret = readConnectionString(this.uri).password ?? '';
    let client: Client | undefined;
    try {
      client = new MongoClient(this.uri, {
        appName: 'flora-backup',
        // Whatever dumps are read from: a restore that asked a secondary would go by what was there before.
        readPreference: 'primaryPreferred',
        ...(/[?&]serverSelectionTimeoutMS=/i.test(this.uri) ? {} : { serverSelectionTimeoutMS: patienceMs }),
      });
      await client.connect();
      return await work(new MongoSession(client));
    } catch (error) {
      throw isOfDriver(error) ? serverFailure(error, secret) : error;
    } finally {
      await client?.close().catch(() => undefined);
    }
  }
}

/** The key of the only document of a collection of ours. */
const NOTE = 'note';
const DUPLICATE = 11_000;
const NAMESPACE_EXISTS = 48;
const NOT_AUTHORIZED = 13;

class MongoSession extends ServerSession {
  readonly replay: MongoReplayTarget;

  constructor(private readonly client: Client) {
    super();
    this.replay = new MongoReplayTarget(client);
  }

  async version(): Promise<string> {
    const { version } = await this.client.db('admin').command({ buildInfo: 1 });
    return String(version);
  }

  async time(): Promise<number> {
    const { localTime } = await this.client.db('admin').command({ hello: 1 });
    return (localTime as Date).getTime();
  }

  async hasOplog(): Promise<boolean> {
    const { setName } = await this.client.db('admin').command({ hello: 1 });
    return typeof setName === 'string';
  }

  async namespaces(database: string): Promise<readonly ServerNamespace[]> {
    const names = database === '*' ? await this.allDatabases() : [database];
    return (await Promise.all(names.map((name) => namespacesOf(this.client.db(name))))).flat();
  }

  async size(database: string, collection: string): Promise<{ documents: number; bytes: number }> {
    // One for each shard.
    const parts = await this.client
      .db(database)
      .collection(collection)
      .aggregate<CollectionStatistics>([{ $collStats: { storageStats: {} } }])
      .toArray()
      .catch(nothingWhere('NamespaceNotFound', []));
    const sum = (of: (part: CollectionStatistics['storageStats']) => number | undefined): number =>
      parts.reduce((total, { storageStats }) => total + (of(storageStats) ?? 0), 0);
    return {
      documents: sum(({ timeseries, count }) => timeseries?.bucketCount ?? count),
      bytes: sum(({ size }) => size),
    };
  }

  async count(database: string, collection: string): Promise<number> {
    return this.client.db(database).collection(collection).countDocuments({});
  }

  async indexes(database: string, collection: string): Promise<readonly string[]> {
    const found = await this.client
      .db(database)
      .collection(collection)
      .indexes()
      .catch(nothingWhere('NamespaceNotFound', []));
    return found.map(({ name }) => String(name)).sort();
  }

  async rename(database: string, from: string, to: string, replace: boolean): Promise<void> {
    await this.client
      .db(database)
      .collection(from)
      .rename(to, { dropTarget: replace })
      .catch(refused(`${database}.${to}`));
  }

  async drop(database: string, collection: string): Promise<void> {
    await this.client
      .db(database)
      .collection(collection)
      .drop()
      .catch(nothingWhere('NamespaceNotFound', false));
  }

  async createView(database: string, view: string, metadata: string): Promise<void> {
    const options = fromExtendedJson(metadata).get('options') as Definition;
    await this.client
      .db(database)
      .command({ create: view, ...Object.fromEntries(options) })
      .catch(refused(`${database}.${view}`));
  }

  async hasView(database: string, view: string, metadata: string): Promise<boolean> {
    const command = { listCollections: 1, filter: { name: view } };
    for await (const batch of rawBatches(this.client.db(database), command))
      for (const bytes of batch.documents()) {
        const { type, options } = BSON.deserialize(bytes, { raw: true }) as ListedView;
        if (type !== 'view') return false;
        return (
          toExtendedJson(options) === extendedJsonOf(fromExtendedJson(metadata).get('options') as Definition)
        );
      }
    return false;
  }

  async find(prefix: string): Promise<readonly ServerNamespace[]> {
    const filter = { name: { $regex: `^${prefix}` } };
    const names = await this.databases();
    return (await Promise.all(names.map((name) => namespacesOf(this.client.db(name), filter, true)))).flat();
  }

  async databases(): Promise<readonly string[]> {
    const { databases } = await this.client
      .db('admin')
      .admin()
      .listDatabases({ nameOnly: true, authorizedDatabases: true });
    return databases.map(({ name }) => name);
  }

  async dropDatabase(database: string): Promise<void> {
    await this.client
      .db(database)
      .dropDatabase()
      .catch((error: DriverError) => {
        if (error.code !== NOT_AUTHORIZED) throw error;
        throw new BackupError('NOT_AUTHORIZED', {
          problem: `MongoDB does not let this user drop the database ${database}`,
          advice: 'give the user the roles readWriteAnyDatabase and dbAdminAnyDatabase',
        });
      });
  }

  async readNote(database: string, collection: string): Promise<Note | undefined> {
    const notes = this.client.db(database).collection(collection);
    return (await notes.findOne({}, { readPreference: 'primary' })) ?? undefined;
  }

  async writeNote(database: string, collection: string, note: Note, where?: Note): Promise<boolean> {
    const notes = this.client
      .db(database)
      .collection<{ _id: string }>(collection, { writeConcern: { w: 'majority', journal: true } });
    if (where) return (await notes.updateOne({ _id: NOTE, ...where }, { $set: note })).matchedCount === 1;
    const made = await notes
      .insertOne({ ...note, _id: NOTE })
      .catch((error: DriverError) => (error.code === DUPLICATE ? undefined : Promise.reject(error)));
    return made !== undefined;
  }

  /** Asks for all of them, so that a user who may see only some is refused instead of given half an answer. */
  private async allDatabases(): Promise<string[]> {
    const { databases } = await this.client
      .db('admin')
      .admin()
      .listDatabases({ nameOnly: true, authorizedDatabases: false });
    return databases.map(({ name }) => name).filter((name) => !OWN_DATABASES.includes(name));
  }
}

/** Of listCollections; its options are BSON. */
interface ListedView {
  readonly type: string;
  readonly options: Uint8Array;
}

interface CollectionStatistics {
  storageStats: { size?: number; count?: number; timeseries?: { bucketCount?: number } };
}

async function namespacesOf(db: Db, filter = {}, authorizedCollections = false): Promise<ServerNamespace[]> {
  const found = await db.listCollections(filter, { nameOnly: true, authorizedCollections }).toArray();
  return found
    .filter(({ name }) => name === 'system.js' || !name.startsWith('system.'))
    .map(({ name, type }) => ({
      database: db.databaseName,
      collection: name,
      type: (type ?? 'collection') as NamespaceType,
    }));
}

/** What the server has answered is told apart from what nobody knows. */
function refused(name: string): (error: DriverError) => never {
  return (error) => {
    if (error.code === NAMESPACE_EXISTS) throw new TargetNotEmptyError([name]);
    throw isRefusal(error) ? serverFailure(error, '') : error;
  };
}

function nothingWhere<T>(codeName: string, nothing: T): (error: DriverError) => T {
  return (error) => {
    if (error.codeName === codeName) return nothing;
    throw error;
  };
}
