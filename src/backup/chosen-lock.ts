import { createHash } from 'node:crypto';
import { Lock } from '../coordination/lock.js';
import { MongoLock } from '../coordination/mongo.lock.js';
import { NoLock } from '../coordination/no.lock.js';
import { RedisLock, type RedisLockClient } from '../coordination/redis.lock.js';
import { shown } from '../errors.js';
import { invalidOption } from './backup.errors.js';
import { databaseOf, readConnectionString } from './engine/connection-string.js';
import { LOCKS } from './restore/scratch.js';

export type LockOption = 'mongo' | { redis: string | RedisLockClient } | Lock | false;

/** Where the locks of schedules are kept when the connection string names no database. */
const DATABASE = 'flora-backup';
const RESTORE = 'restore:';

/** The name of the lock that whoever restores into a database holds. */
export function restoreLock(database: string): string {
  return RESTORE + database;
}

/** @throws BackupError INVALID_OPTIONS without showing a URL: it may hold a password */
export function checkLock(option: unknown): asserts option is LockOption {
  if (option === false || option === 'mongo' || option instanceof Lock) return;
  const { redis, ...more } = (typeof option === 'object' && option ? option : {}) as Record<string, unknown>;
  const isUrl = typeof redis === 'string' && /^rediss?:\/\//.test(redis);
  const isClient = typeof (redis as Partial<RedisLockClient> | undefined)?.eval === 'function';
  if (Object.keys(more).length === 0 && (isUrl || isClient)) return;
  throw invalidOption(
    `The option lock is ${typeof option === 'string' ? 'another text' : shown(option)}`,
    "'mongo', { redis: 'redis://…' }, { redis: client } with a client of node-redis, a Lock, or false",
  );
}

/** Nothing is connected before the first lock is asked for. */
export function chosenLock({ lock, uri }: { lock: LockOption; uri: string }): Lock {
  if (lock === false) return new NoLock();
  if (lock instanceof Lock) return lock;
  if (lock === 'mongo') {
    const own = databaseOf(uri);
    // Without one, what is restored into is the database that its user surely may write to.
    const elsewhere = (name: string): string =>
      name.startsWith(RESTORE) ? name.slice(RESTORE.length) : DATABASE;
    return new MongoLock({ uri, databaseOf: own === undefined ? elsewhere : () => own, collection: LOCKS });
  }
  return new RedisLock({ redis: lock.redis, prefix: `flora-backup:${placeOf(uri)}:` });
}

/** Two processes exclude each other when theirs is the same. */
export function lockPlace({ lock, uri }: { lock: LockOption; uri: string }): string {
  if (lock === false) return '';
  if (lock === 'mongo') return `mongo/${databaseOf(uri) ?? ''}`;
  return `${lock instanceof Lock ? 'own' : 'redis'}/${placeOf(uri)}`;
}

/** Applications with databases of their own may share a Redis: one's backup must never count as the other's. */
function placeOf(uri: string): string {
  const { hosts, database = '' } = readConnectionString(uri);
  const place = [...hosts.split(',').sort(), database].join('|');
  return createHash('sha256').update(place).digest('hex').slice(0, 12);
}
