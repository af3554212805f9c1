import { invalidOption } from '../backup.errors.js';
import { checkCollectionNames, checkDatabaseName, checkShortText, checkSwitch } from '../names.js';
import type { DumpRequest } from './dump-plan.js';

/** What somebody asks to have backed up, now or by a schedule. */
export interface Wanted {
  readonly label?: string | undefined;
  readonly database?: string | undefined;
  readonly collections?: readonly string[] | undefined;
  readonly oplog?: boolean | undefined;
}

/** @throws BackupError INVALID_OPTIONS for what can't be asked for, whatever the server holds */
export function dumpRequest(
  wanted: Wanted,
  defaults: { readonly database: string; readonly oplog: boolean },
): DumpRequest {
  const { label, collections, database = defaults.database, oplog = defaults.oplog } = wanted;
  checkSwitch('oplog', oplog);
  if (label !== undefined) checkShortText('label', label);
  if (database !== '*') checkDatabaseName(database, 'database');
  if (oplog && database !== '*')
    throw invalidOption(
      `A backup with the log of the replica set is asked for, of the database ${database} alone`,
      'the whole instance: the log is that of all databases',
      "pass database: '*', or oplog: false",
    );
  if (collections === undefined) return { database, oplog };
  checkCollectionNames(collections);
  if (database === '*')
    throw invalidOption('Collections were named, but no database', 'the option database, or one in uri');
  return { database, collections: [...collections] };
}
