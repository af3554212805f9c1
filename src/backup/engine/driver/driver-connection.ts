import mongoose from 'mongoose';
import { directTo, readConnectionString } from '../connection-string.js';
import type { ReadPreference } from '../dump-engine.js';
import { isOfDriver, serverFailure } from '../server-failure.js';

const { MongoClient } = mongoose.mongo;
export type Client = InstanceType<typeof MongoClient>;
export type Db = ReturnType<Client['db']>;

/** How long to look for the server, unless the connection string says otherwise. */
const PATIENCE_MS = 10_000;

/**
 * @param readPreference absent: as the connection string says
 * @throws BackupError SERVER_UNREACHABLE, AUTHENTICATION_FAILED, SERVER_FAILED
 */
export async function connect(uri: string, readPreference?: ReadPreference): Promise<Client> {
  const client = new MongoClient(uri, {
    appName: 'flora-backup',
    ...(readPreference === undefined ? {} : { readPreference }),
    ...(/[?&]serverSelectionTimeoutMS=/i.test(uri) ? {} : { serverSelectionTimeoutMS: PATIENCE_MS }),
  });
  return client.connect();
}

/**
 * A connection whose commands all reach the same server, because a cursor is known to one alone: the primary, or,
 * where another may be read from, one that is chosen now. The same goes for several routers before a cluster.
 */
export async function connectToOne(uri: string, preference?: ReadPreference): Promise<Client> {
  const client = await connect(uri);
  const { readPreference, directConnection, hosts, credentials } = client.options;
  const mode = preference ?? readPreference.mode;
  if (directConnection) return client;
  const { me, msg } = await client.db('admin').command({ hello: 1 }, { readPreference: mode });
  const isRouted = msg === 'isdbgrid' && hosts.length > 1;
  const host = isRouted ? hosts[0]!.toString() : mode === 'primary' ? undefined : (me as string | undefined);
  if (host === undefined) return client;
  await client.close();
  return connect(directTo(readConnectionString(uri), host, credentials?.source));
}

/** The error to show: what the driver says without the password in it. */
export function shownFailure(error: unknown, uri: string): unknown {
  return isOfDriver(error) ? serverFailure(error, readConnectionString(uri).password ?? '') : error;
}
