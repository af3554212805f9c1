import { toMilliseconds } from './duration.js';
import { FloraError, shown } from './errors.js';

/** Thrown at start, once, with every variable that can't be used. Values that may hold secrets are not shown. */
export class EnvironmentError extends FloraError<'INVALID_ENVIRONMENT'> {
  constructor(readonly problems: readonly string[]) {
    super('INVALID_ENVIRONMENT', {
      problem: `The environment can't be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\n`,
      advice: 'see .env.example for every variable, its meaning and its default',
    });
  }
}

/** Anything that hands out variables by name: `process.env` behind a function, or a ConfigService. */
export type Variables = (name: string) => unknown;

interface Variable<T> {
  /** The value when the variable is absent or empty. */
  default: T;
  /** The typed value, or an error whose message says what was expected. */
  parse: (value: unknown) => T;
}

const url =
  (...protocols: string[]) =>
  (value: unknown): string => {
    if (typeof value === 'string' && protocols.some((protocol) => value.startsWith(`${protocol}://`)))
      return value;
    // The value itself stays out: it may carry a password.
    throw new Error(
      `is not a URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    );
  };

const seconds = (value: unknown): number => {
  try {
    return toMilliseconds(value as string) / 1_000;
  } catch {
    throw new Error(`is ${shown(value)}; expected seconds, or a duration such as '5m'`);
  }
};

const days = (value: unknown): number => {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new Error(`is ${shown(value)}; expected a number of days above 0`);
};

const path = (value: unknown): string => {
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw new Error(`is ${shown(value)}; expected a path`);
};

const keyFiles = (value: unknown): readonly { id: string; file: string }[] => {
  // What this made before, by way of a ConfigService.
  if (Array.isArray(value)) return value as { id: string; file: string }[];
  const parts = typeof value === 'string' ? value.split(',').map((part) => part.trim()) : [];
  const pairs = parts.map((part) => /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})=([^\0]+)$/.exec(part));
  if (pairs.length > 0 && pairs.every((pair) => pair !== null))
    return pairs.map(([, id, file]) => ({ id: id!, file: file! }));
  // The value itself stays out: somebody may have put a key where its file belongs.
  throw new Error('is no list of ids and files; expected for example 2026=/run/secrets/backup-key');
};

const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (value: unknown): T => {
    const found = values.find((one) => one === value);
    if (found !== undefined) return found;
    throw new Error(`is ${shown(value)}; expected one of ${values.join(', ')}`);
  };

const text = (value: unknown): string => {
  if (typeof value === 'string') return value;
  throw new Error(`is ${shown(value)}; expected text`);
};

/** What BACKUP_STORAGE names: `disk` is the folder BACKUP_DIR. */
export type StoragePlace =
  'disk' | { disk: string } | { s3: { bucket: string; prefix?: string; region?: string; endpoint?: string } };

const storagePlaces = (value: unknown): readonly StoragePlace[] => {
  // What this made before, by way of a ConfigService.
  if (Array.isArray(value)) return value as StoragePlace[];
  const parts = typeof value === 'string' ? value.split(',').map((part) => part.trim()) : [];
  return parts.map((part): StoragePlace => {
    if (part === 'disk') return part;
    if (/^\.{0,2}\/[^\0]*$/.test(part)) return { disk: part };
    const place = part.startsWith('s3://') && URL.canParse(part) ? new URL(part) : undefined;
    if (!place || place.username || place.password)
      throw new Error('is no list of disk, /a/path and s3://bucket/prefix?region=…&endpoint=…');
    const prefix = decodeURIComponent(place.pathname).replace(/^\//, '');
    const more = Object.fromEntries(place.searchParams);
    return { s3: { bucket: place.hostname, ...(prefix ? { prefix } : {}), ...more } };
  });
};

const secret = (value: unknown): string => {
  if (typeof value === 'string' && value.length >= 16) return value;
  throw new Error('is shorter than 16 characters');
};

const variable = <T>(fallback: T, parse: (value: unknown) => T): Variable<T> => ({
  default: fallback,
  parse,
});

/** Every variable that the modules read, with its default. */
export const VARIABLES = {
  REDIS_URL: variable('redis://localhost:6379', url('redis', 'rediss')),
  REDIS_TTL: variable(3_600, seconds),
  CACHE_NAMESPACE: variable('flora', text),
  MONGO_URI: variable('mongodb://localhost:27017/flora-shop', url('mongodb', 'mongodb+srv')),
  BACKUP_DIR: variable('./backups', path),
  BACKUP_RETENTION_DAYS: variable(7, days),
  BACKUP_CRON: variable('', text),
  BACKUP_KEYS: variable([] as readonly { id: string; file: string }[], keyFiles),
  BACKUP_ENGINE: variable('mongodump', oneOf('mongodump', 'driver', 'auto')),
  BACKUP_STORAGE: variable(['disk'] as readonly StoragePlace[], storagePlaces),
  BACKUP_LOCK: variable('mongo', oneOf('mongo', 'redis', 'none')),
  BACKUP_STALE_AFTER: variable(26 * 3_600, seconds),
  BACKUP_WEBHOOK_URL: variable('', url('http', 'https')),
  BACKUP_WEBHOOK_SECRET: variable('', secret),
  MONGO_TOOLS_DIR: variable('', path),
} satisfies Record<string, Variable<unknown>>;

export type VariableName = keyof typeof VARIABLES;
export type Environment = { [Name in VariableName]: (typeof VARIABLES)[Name]['default'] };

/**
 * Reads the named variables, typed and with their defaults.
 *
 * @throws EnvironmentError with one message that lists all that is wrong
 */
export function readEnvironment<Name extends VariableName>(
  names: readonly Name[],
  variables: Variables = (name) => process.env[name],
): Pick<Environment, Name> {
  const problems: string[] = [];
  const result: Record<string, unknown> = {};
  for (const name of names) {
    const { default: fallback, parse } = VARIABLES[name] as Variable<unknown>;
    const value = variables(name);
    if (value === undefined || value === null || value === '') {
      result[name] = fallback;
      continue;
    }
    try {
      result[name] = parse(value);
    } catch (error) {
      problems.push(`${name} ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) throw new EnvironmentError(problems);
  return result as Pick<Environment, Name>;
}

/**
 * For `ConfigModule.forRoot({ validate: validateEnvironment })`: checks every variable of this package at start
 * and gives back the configuration with their typed values and defaults in place.
 *
 * @throws EnvironmentError with one message that lists all that is wrong
 */
export function validateEnvironment(config: Record<string, unknown>): Record<string, unknown> {
  return { ...config, ...readEnvironment(Object.keys(VARIABLES) as VariableName[], (name) => config[name]) };
}
