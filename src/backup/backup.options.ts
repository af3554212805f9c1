import { resolve } from 'node:path';
import { Clock, SystemClock } from '../coordination/clock.js';
import { type Duration, toMilliseconds } from '../duration.js';
import { readEnvironment, type Variables } from '../environment.js';
import { shown } from '../errors.js';
import { invalidOption } from './backup.errors.js';
import { checkLock, type LockOption } from './chosen-lock.js';
import { bestCodec, type Codec, type Compression, findZstd, LEVELS } from './compression.js';
import type { BackupStorages } from './copies/backup-storages.js';
import { chosenStorages, type StorageOption } from './copies/chosen-storages.js';
import { EncryptionKeys, type EncryptionOptions } from './encryption/encryption-keys.js';
import { checkHooks, type HookOptions, type WebhookOptions } from './hooks/hook-options.js';
import { Webhook } from './hooks/webhook.js';
import { checkDatabaseName, checkSwitch } from './names.js';
import { checkSchedule } from './schedule/cron-expression.js';
import { databaseOf } from './engine/connection-string.js';
import { type DumpManner, READ_PREFERENCES, type ReadPreference } from './engine/dump-engine.js';
import { checkRetention, type RetentionPolicy } from './retention.js';

/** Options of `BackupModule.forRoot()` and `createBackupService()`. All may be left out. */
export interface BackupModuleOptions {
  /**
   * The server, and the database that is backed up when a call names none. Its user needs to read what is backed up
   * and, to restore, to write there (`readWrite` on the database does for both).
   *
   * @default MONGO_URI, else `mongodb://localhost:27017/flora-shop`
   */
  uri?: string | undefined;
  /**
   * Where backups are kept on disk; made when it is missing. Relative to the working directory at start.
   *
   * @default BACKUP_DIR, else `./backups`
   */
  directory?: string | undefined;
  /**
   * `'disk'`, the option `directory`; `{ disk: path }`, another folder; `{ s3: … }`, a bucket of S3 or of a server like
   * it; or a storage of your own. A list is the primary and those that get copies: a backup is made once it is stored
   * in the primary, its stored bytes are then copied to the others, and `Backup.copies` tells what became of that.
   *
   * @default BACKUP_STORAGE (`disk`, paths, `s3://bucket/prefix?region=…&endpoint=…`, by commas), else `'disk'`
   */
  storage?: StorageOption | readonly StorageOption[] | undefined;
  /**
   * What reads and writes the database: `'mongodump'`, the MongoDB database tools; `'driver'`, the MongoDB driver, for
   * hosts without the tools; `'auto'`, the tools where they are, else the driver. Both read and write the same archives;
   * the log and the manifest say which it was.
   *
   * @default BACKUP_ENGINE, else 'mongodump'
   */
  engine?: 'mongodump' | 'driver' | 'auto' | undefined;
  /** How many collections are read at once while a backup is made. @default 4 */
  concurrency?: number | undefined;
  /**
   * Which server of a replica set backups are read from. What a secondary has not yet heard of is not in the backup.
   *
   * @default as `uri` says, else `'primary'`
   */
  readPreference?: ReadPreference | undefined;
  /**
   * Which backups `cleanupBackups()` keeps; it also runs after every successful backup of a schedule, unless the clocks
   * of this host and of the server are more than an hour apart: one of next week would make all backups old. `false`: all.
   *
   * @default `{ days: BACKUP_RETENTION_DAYS }`, else `{ days: 7 }`
   */
  retention?: RetentionPolicy | false | undefined;
  /**
   * When the application makes a backup by itself: a cron expression of five fields, or of six with seconds first.
   * Starts when the application has started, stops when it shuts down.
   *
   * @default BACKUP_CRON, else `false`
   */
  schedule?: string | false | undefined;
  /**
   * Make a backup when a schedule is started that should have run since the newest good one was made.
   *
   * @default false
   */
  catchUp?: boolean | undefined;
  /** In which cron expressions are read, such as `'Europe/Vienna'`. @default the zone of the process */
  timezone?: string | undefined;
  /**
   * `codec`: `'zstd'` (by Node from 22.15 on, else by the program `zstd` on PATH), `'gzip'` or `'none'`; `level` as
   * the codec counts it.
   *
   * @default zstd at level 3 where it is to be had, else gzip at level 1
   */
  compression?: { codec?: Codec | undefined; level?: number | undefined } | undefined;
  /**
   * With which keys new backups are encrypted, and encrypted ones are read; `false`: none.
   *
   * @default `{ keys: [{ id, file }, …] }` of BACKUP_KEYS (`id=file,id=file`), else `false`
   */
  encryption?: EncryptionOptions | false | undefined;
  /**
   * What lets one process at a time restore into a database, and one process make the backup of a tick, where several
   * run: `'mongo'` keeps locks in the collection `flora_backup.locks` of the database in `uri` (its user must be able
   * to write there), `{ redis }` in a Redis by URL or by a connected client of node-redis, a `Lock` wherever you like.
   * `false`: only one process uses this server's backups.
   *
   * @default BACKUP_LOCK: `mongo`, `redis` (that of REDIS_URL) or `none`; else 'mongo'
   */
  lock?: LockOption | undefined;
  /**
   * Capture the log of the replica set with each backup, so that it is the server as it was at one moment: a
   * transaction is in it as a whole or not at all. Only of the whole instance (`database: '*'`, or none in `uri`); needs
   * the role `backup` and, to restore, `restore` and `readWriteAnyDatabase`. Else collections are read one after another.
   *
   * @default false
   */
  oplog?: boolean | undefined;
  /** The longest that making one backup may take before it is stopped. @default '6h' */
  timeout?: Duration | undefined;
  /** How old the newest good backup may be before `checkHealth()` says that something is wrong. @default BACKUP_STALE_AFTER, else '26h' */
  staleAfter?: Duration | undefined;
  /** Functions and addresses that are told what becomes of backups. docs/backup-hooks.md has more about them. */
  hooks?: HookOptions | undefined;
  /**
   * Where mongodump and mongorestore (100.3 or newer) are: the folder of both, or each by its path.
   *
   * @default MONGO_TOOLS_DIR, else PATH
   */
  tools?:
    | { directory?: string | undefined; mongodump?: string | undefined; mongorestore?: string | undefined }
    | undefined;
  /** Tells the time that backups are recorded with and retention goes by. @default the host's */
  clock?: Clock | undefined;
}

/** Every option with its value. */
export class BackupOptions {
  readonly uri: string;
  /** The database of calls that name none; `'*'` is the whole instance. */
  readonly database: string;
  readonly directory: string;
  readonly storages: BackupStorages;
  readonly engine: 'mongodump' | 'driver' | 'auto';
  readonly manner: DumpManner;
  readonly retention: RetentionPolicy | false;
  readonly schedule: string | false;
  readonly catchUp: boolean;
  readonly timezone: string | undefined;
  readonly compression: Compression;
  readonly keys: EncryptionKeys;
  readonly lock: LockOption;
  readonly oplog: boolean;
  readonly timeoutMs: number;
  readonly staleAfterMs: number;
  readonly hooks: Omit<HookOptions, 'timeout' | 'webhooks'>;
  readonly hookTimeoutMs: number;
  readonly webhooks: readonly Webhook[];
  readonly tools: {
    readonly directory?: string;
    readonly mongodump?: string;
    readonly mongorestore?: string;
  };
  readonly clock: Clock;

  /**
   * @param variables the environment, read now
   * @throws BackupError INVALID_OPTIONS, INVALID_RETENTION, INVALID_SCHEDULE; DurationError; EnvironmentError
   */
  constructor(options: BackupModuleOptions = {}, variables?: Variables) {
    refuseUnknown('option', options, KNOWN);
    refuseUnknown('option compression', options.compression, ['codec', 'level']);
    refuseUnknown('option tools', options.tools, ['directory', 'mongodump', 'mongorestore']);
    const environment = readEnvironment(VARIABLES, variables);
    this.uri = text('uri', options.uri) ?? environment.MONGO_URI;
    this.database = databaseOf(this.uri) ?? '*';
    if (this.database !== '*') checkDatabaseName(this.database, 'uri');
    this.directory = resolve(text('directory', options.directory) ?? environment.BACKUP_DIR);
    this.storages = chosenStorages(options.storage ?? environment.BACKUP_STORAGE, this.directory);
    this.engine = options.engine ?? environment.BACKUP_ENGINE;
    if (!ENGINES.includes(this.engine))
      throw invalidOption(`The option engine is ${shown(this.engine)}`, "'mongodump', 'driver' or 'auto'");
    this.manner = manner(options.concurrency, options.readPreference);
    this.retention = options.retention ?? { days: environment.BACKUP_RETENTION_DAYS };
    if (this.retention !== false) checkRetention(this.retention);
    this.schedule = options.schedule ?? (environment.BACKUP_CRON || false);
    checkSwitch('catchUp', options.catchUp);
    this.catchUp = options.catchUp ?? false;
    this.timezone = text('timezone', options.timezone);
    checkSchedule(this.schedule === false ? '0 0 * * *' : this.schedule, this.timezone);
    this.compression = compression(options.compression);
    const encryption = options.encryption ?? { keys: environment.BACKUP_KEYS };
    if (encryption !== false) refuseUnknown('option encryption', encryption, ['keys']);
    this.keys = new EncryptionKeys(
      encryption === false ? [] : encryption.keys,
      variables ?? ((name) => process.env[name]),
    );
    const lock: unknown = options.lock ?? lockOf(environment.BACKUP_LOCK, variables);
    checkLock(lock);
    this.lock = lock;
    checkSwitch('oplog', options.oplog);
    this.oplog = options.oplog ?? false;
    this.timeoutMs = toMilliseconds(options.timeout ?? '6h', 'timeout');
    if (this.timeoutMs === 0) throw invalidOption('The option timeout is 0', 'a duration above 0');
    this.staleAfterMs = toMilliseconds(options.staleAfter ?? environment.BACKUP_STALE_AFTER, 'staleAfter');
    checkHooks(options.hooks ?? {});
    const { timeout = '1m', webhooks = webhooksOf(environment), ...hooks } = options.hooks ?? {};
    this.hooks = hooks;
    this.hookTimeoutMs = toMilliseconds(timeout, 'hooks.timeout');
    if (this.hookTimeoutMs === 0) throw invalidOption('The option hooks.timeout is 0', 'a duration above 0');
    this.webhooks = webhooks.map((webhook) => new Webhook(webhook));
    this.tools = tools(options.tools, environment.MONGO_TOOLS_DIR);
    this.clock = options.clock ?? new SystemClock();
    if (typeof this.clock.now !== 'function')
      throw invalidOption(`The option clock is ${shown(this.clock)}`, 'a Clock: an object with now()');
  }
}

const VARIABLES = [
  'MONGO_URI',
  'BACKUP_DIR',
  'BACKUP_RETENTION_DAYS',
  'BACKUP_CRON',
  'BACKUP_KEYS',
  'BACKUP_ENGINE',
  'BACKUP_STORAGE',
  'BACKUP_LOCK',
  'BACKUP_STALE_AFTER',
  'BACKUP_WEBHOOK_URL',
  'BACKUP_WEBHOOK_SECRET',
  'MONGO_TOOLS_DIR',
] as const;

const KNOWN = [
  'uri',
  'directory',
  'storage',
  'engine',
  'concurrency',
  'readPreference',
  'retention',
  'schedule',
  'catchUp',
  'timezone',
  'compression',
  'encryption',
  'lock',
  'oplog',
  'timeout',
  'staleAfter',
  'hooks',
  'tools',
  'clock',
] as const satisfies (keyof BackupModuleOptions)[];

const ENGINES: readonly unknown[] = ['mongodump', 'driver', 'auto'] satisfies BackupOptions['engine'][];

/** @throws BackupError INVALID_OPTIONS for what is no object, or has a key that does nothing */
export function refuseUnknown(what: string, options: object | undefined, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null)
    throw invalidOption(`The ${what} is ${shown(options)}`, `an object with ${known.join(', ')}`);
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw invalidOption(`The ${what} ${shown(unknown)} is not known`, `one of ${known.join(', ')}`);
}

function text(name: string, value: string | undefined): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '' && !value.includes('\0')))
    return value;
  throw invalidOption(
    `The option ${name} is ${name === 'uri' ? `a ${typeof value}` : shown(value)}`,
    'a text',
  );
}

/** The most collections that may be read at once: each holds a connection and memory, in mongodump 32 MiB. */
const MOST_AT_ONCE = 64;

function manner(concurrency = 4, readPreference: ReadPreference | undefined): DumpManner {
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MOST_AT_ONCE)
    throw invalidOption(
      `The option concurrency is ${shown(concurrency)}`,
      `a whole number from 1 to ${MOST_AT_ONCE}`,
    );
  if (readPreference !== undefined && !READ_PREFERENCES.includes(readPreference))
    throw invalidOption(
      `The option readPreference is ${shown(readPreference)}`,
      `one of ${READ_PREFERENCES.join(', ')}`,
    );
  return { concurrency, readPreference };
}

function lockOf(kind: string, variables: Variables | undefined): LockOption {
  if (kind === 'redis') return { redis: readEnvironment(['REDIS_URL'], variables).REDIS_URL };
  return kind === 'none' ? false : 'mongo';
}

function webhooksOf(environment: {
  BACKUP_WEBHOOK_URL: string;
  BACKUP_WEBHOOK_SECRET: string;
}): readonly WebhookOptions[] {
  const { BACKUP_WEBHOOK_URL: url, BACKUP_WEBHOOK_SECRET: secret } = environment;
  return url === '' ? [] : [{ url, secret: secret || undefined }];
}

function compression({ codec = bestCodec(), level }: NonNullable<BackupModuleOptions['compression']> = {}) {
  const range = Object.hasOwn(LEVELS, codec) ? LEVELS[codec] : undefined;
  if (!range || (codec === 'zstd' && !findZstd()))
    throw invalidOption(
      `The codec ${shown(codec)} is not to be had on this host`,
      "'zstd' (Node 22.15 or newer, or the program zstd on PATH), 'gzip' or 'none'",
    );
  const chosen = level ?? range.default;
  if (!Number.isInteger(chosen) || chosen < range.lowest || chosen > range.highest)
    throw invalidOption(
      `The compression level is ${shown(level)}`,
      `a whole number from ${range.lowest} to ${range.highest} for ${codec}`,
    );
  return { codec, level: chosen };
}

function tools(given: BackupModuleOptions['tools'], fromEnvironment: string): BackupOptions['tools'] {
  const chosen = { ...given, directory: given?.directory ?? (fromEnvironment || undefined) };
  const paths = Object.entries(chosen).filter(([, path]) => path !== undefined);
  return Object.fromEntries(paths.map(([name, path]) => [name, resolve(text(`tools.${name}`, path)!)]));
}
