import { invalidOption } from '../backup.errors.js';

/**
 * A MongoDB connection string taken apart, so that its secrets can go another way than its rest. The hosts stay one
 * text: a list of them is no URL.
 */
export interface ConnectionString {
  readonly protocol: 'mongodb' | 'mongodb+srv';
  readonly hosts: string;
  /** Percent-encoded, as it stood. */
  readonly username?: string;
  /** Plain. */
  readonly password?: string;
  readonly database?: string;
  readonly query: URLSearchParams;
}

const USER = String.raw`(?:([^:@/?#[\]]*)(?::([^:@/?#[\]]*))?@)?`;
const HOST = String.raw`(?:\[[0-9a-fA-F:.]+\]|[^\s:@/?#,[\]]+)(?::\d{1,5})?`;
/** Strict, as drivers are: a password with a bare slash or at sign must not be taken for a host or a database. */
const SHAPE = new RegExp(
  `^(mongodb(?:\\+srv)?)://${USER}(${HOST}(?:,${HOST})*)(?:/([^?@]*))?(?:\\?([^@]*))?$`,
);

/** @throws BackupError INVALID_OPTIONS without showing any of it */
export function readConnectionString(uri: string): ConnectionString {
  const [, protocol, username, password, hosts, database, query] = SHAPE.exec(uri) ?? [];
  if (!protocol || !hosts) throw unusable();
  return {
    protocol: protocol as ConnectionString['protocol'],
    hosts,
    ...(username ? { username } : {}),
    ...(password ? { password: decoded(password) } : {}),
    ...(database ? { database: decoded(database) } : {}),
    query: new URLSearchParams(query),
  };
}

/** What a tool is given: nothing secret on its command line, the rest in a file of its own. */
export interface ToolConnection {
  readonly uri: string;
  /** Keys and values of the tool's `--config` file. */
  readonly secrets: Readonly<Record<string, string>>;
}

/**
 * @param authSource the database that knows the user, where the connection string doesn't say: always written out,
 *   because with `--db` the tools take that database instead of the one every driver takes
 * @throws BackupError INVALID_OPTIONS for a secret that the tools take on their command line only
 */
export function toolConnection(connection: ConnectionString, authSource?: string): ToolConnection {
  const { protocol, hosts, username, password } = connection;
  const query = new URLSearchParams(connection.query);
  const [keyPassword] = valuesOf(query, KEY_PASSWORD);
  for (const key of keysOf(query, KEY_PASSWORD)) query.delete(key);
  const properties = valuesOf(query, MECHANISM_PROPERTIES);
  if (keysOf(query, 'proxyPassword').length > 0 || properties.some((text) => /AWS_SESSION_TOKEN/i.test(text)))
    throw invalidOption(
      'The connection string holds a session token or a proxy password',
      'secrets that mongodump takes otherwise than on its command line, where every user of the host sees it',
    );
  if (username && authSource && keysOf(query, 'authSource').length === 0) query.set('authSource', authSource);
  const user = username ? `${username}@` : '';
  return {
    uri: `${protocol}://${user}${hosts}/${query.size > 0 ? `?${query.toString()}` : ''}`,
    secrets: {
      ...(password === undefined ? {} : { password }),
      ...(keyPassword === undefined ? {} : { sslPEMKeyPassword: keyPassword }),
    },
  };
}

/** The same connection for a driver, to one of its hosts alone. */
export function directTo(connection: ConnectionString, host: string, authSource?: string): string {
  const { protocol, username, password, database } = connection;
  const query = new URLSearchParams(connection.query);
  for (const option of ['srvMaxHosts', 'srvServiceName'])
    for (const key of keysOf(query, option)) query.delete(key);
  // What the record of a seed list says by itself is written out.
  if (protocol === 'mongodb+srv' && [...keysOf(query, 'tls'), ...keysOf(query, 'ssl')].length === 0)
    query.set('tls', 'true');
  if (username && authSource && keysOf(query, 'authSource').length === 0) query.set('authSource', authSource);
  query.set('directConnection', 'true');
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  const user = username ? `${username}${secret}@` : '';
  return `mongodb://${user}${host}/${encodeURIComponent(database ?? '')}?${query.toString()}`;
}

/** Where drivers look for the user, if the connection string leaves it open; undefined where it doesn't. */
export function impliedAuthSource({ username, query, database }: ConnectionString): string | undefined {
  if (!username || keysOf(query, 'authSource').length > 0) return undefined;
  return EXTERNAL.includes(valuesOf(query, 'authMechanism')[0] ?? '') ? '$external' : (database ?? 'admin');
}

/** The database that the connection string names. */
export function databaseOf(uri: string): string | undefined {
  return readConnectionString(uri).database;
}

const KEY_PASSWORD = 'tlsCertificateKeyFilePassword';
const MECHANISM_PROPERTIES = 'authMechanismProperties';
const EXTERNAL = ['MONGODB-X509', 'MONGODB-AWS', 'MONGODB-OIDC', 'GSSAPI', 'PLAIN'];

/** The keys under which an option stands: drivers and tools read names of options in any case. */
function keysOf(query: URLSearchParams, option: string): string[] {
  return [...query.keys()].filter((key) => key.toLowerCase() === option.toLowerCase());
}

function valuesOf(query: URLSearchParams, option: string): string[] {
  return keysOf(query, option).flatMap((key) => query.getAll(key));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unusable();
  }
}

function unusable(): Error {
  return invalidOption(
    'The connection string of MongoDB is not one',
    'mongodb://user:password@host:27017/database with : / ? # [ ] @ in user and password percent-encoded',
  );
}
