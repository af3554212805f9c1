import type { ArchiveSummary } from '../archive/archive-summary.js';
import { BackupError, list } from '../backup.errors.js';
import type { ServerNamespace } from '../engine/database-server.js';
import type { DumpSelection } from '../engine/dump-engine.js';
import { isOurs, isTrial } from '../restore/scratch.js';

/** What is to be backed up. */
export interface DumpRequest {
  /** `'*'` for the whole instance. */
  readonly database: string;
  readonly collections?: readonly string[] | undefined;
  /** With the log of the replica set, so that it is of one moment. */
  readonly oplog?: boolean | undefined;
}

export interface DumpPlan {
  readonly selection: DumpSelection;
  /** What was there before the dump, as `database.collection`: it must be in the archive, or be gone. */
  readonly expected: readonly string[];
  /** The same, by what it is. */
  readonly namespaces: readonly ServerNamespace[];
}

/**
 * @param found what the server has of the database, or of all of them
 * @throws BackupError DATABASE_NOT_FOUND, COLLECTION_NOT_FOUND: the tools call that a success
 */
export function planDump(request: DumpRequest, found: readonly ServerNamespace[]): DumpPlan {
  const { database, collections, oplog = false } = request;
  const own = found.filter(({ database, collection }) => !isOurs(collection) && !isTrial(database));
  if (own.length === 0) throw databaseNotFound(database);
  if (!collections) {
    const except = found.filter((namespace) => !own.includes(namespace)).map(({ collection }) => collection);
    return {
      selection: { database, ...(database === '*' ? { oplog } : { except }) },
      expected: own.map(nameOf),
      namespaces: own,
    };
  }
  const names = own.map(({ collection }) => collection);
  const missing = collections.filter((name) => !names.includes(name));
  if (missing.length > 0) throw collectionNotFound(database, missing);
  const expected = collections.map((collection) => nameOf({ database, collection }));
  const namespaces = own.filter(({ collection }) => collections.includes(collection));
  if (collections.length === 1) return { selection: { database, collections }, expected, namespaces };
  const others = found.map(({ collection }) => collection).filter((name) => !collections.includes(name));
  return { selection: { database, except: others }, expected, namespaces };
}

/**
 * Compares an archive with the plan.
 *
 * @returns what was expected and isn't in it: complete only if the server doesn't have it any more either
 * @throws BackupError BACKUP_INCOMPLETE when it holds what was not asked for
 */
export function missingFrom(
  { namespaces }: ArchiveSummary,
  { expected }: DumpPlan,
  { database, collections }: DumpRequest,
): readonly string[] {
  const names = namespaces.map(nameOf);
  if (names.length === 0) throw databaseNotFound(database);
  const unasked = collections ? names.filter((name) => !expected.includes(name)) : [];
  if (unasked.length > 0)
    throw incomplete(`${list(unasked)} came into being while the chosen collections were read`);
  const present = new Set(names);
  return expected.filter((name) => !present.has(name));
}

export function incomplete(problem: string): BackupError {
  return new BackupError('BACKUP_INCOMPLETE', { problem, advice: 'make the backup again' });
}

export function nameOf({ database, collection }: { database: string; collection: string }): string {
  return `${database}.${collection}`;
}

function databaseNotFound(database: string): BackupError {
  return new BackupError('DATABASE_NOT_FOUND', {
    problem: database === '*' ? 'The server holds nothing to back up' : `There is no database ${database}`,
    expected: 'a database with at least one collection',
    advice: 'check the name in MONGO_URI or in the option database',
  });
}

function collectionNotFound(database: string, missing: readonly string[]): BackupError {
  return new BackupError('COLLECTION_NOT_FOUND', {
    problem: `The database ${database} has no collection ${list(missing)}`,
  });
}
