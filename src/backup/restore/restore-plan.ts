import { BackupError, invalidOption, list } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import type { Manifest, ManifestNamespace } from '../manifest.js';
import { checkCollectionNames, checkDatabaseName, OWN_DATABASES } from '../names.js';
import { isOurs, isTrial } from './scratch.js';

export interface RestoreRequest {
  readonly to?: string | undefined;
  readonly collections?: readonly string[] | undefined;
}

/**
 * How a namespace gets to its place:
 * - `swap`: loaded beside, proved, then renamed at once;
 * - `direct`: loaded in its place, which must be free, because the server can't rename it (time series, `system.js`);
 * - `view`: made again from its definition; it holds no data.
 */
export type RestoreWay = 'swap' | 'direct' | 'view';

export interface RestoreStep {
  readonly source: ManifestNamespace;
  /** The database it goes to. */
  readonly database: string;
  readonly collection: string;
  readonly way: RestoreWay;
  /** Options and indexes, where they are not those of the archive: what was made while the dump ran. */
  readonly metadata?: string;
}

export interface RestorePlan {
  readonly steps: readonly RestoreStep[];
  /** What the backup holds and a restore leaves out, with the reason. */
  readonly skipped: readonly { readonly namespace: string; readonly reason: string }[];
  /** True when all of the database is asked for, so that nothing else may be in it. */
  readonly whole: boolean;
}

/**
 * What of a backup goes where.
 *
 * @throws BackupError INVALID_OPTIONS, COLLECTION_NOT_FOUND, RESTORE_REFUSED
 */
export function planRestore(manifest: Manifest, request: RestoreRequest): RestorePlan {
  const { to, collections } = request;
  if (to !== undefined) {
    checkDatabaseName(to, 'to');
    if (OWN_DATABASES.includes(to))
      throw invalidOption(`The option to is ${to}`, `a database that is not the server's own`);
  }
  const chosen = collections ? choose(manifest, collections) : manifest.namespaces;
  const skipped = chosen.flatMap((namespace) => {
    const reason = reasonToSkip(namespace);
    return reason ? [{ namespace: nameOf(namespace), reason }] : [];
  });
  const sources = chosen.filter((namespace) => !reasonToSkip(namespace));
  if (sources.length === 0)
    throw new BackupError('RESTORE_REFUSED', {
      problem: `The backup holds nothing that a restore would bring back: ${list(skipped.map(({ reason }) => reason))}`,
    });
  if (to !== undefined && new Set(sources.map(({ database }) => database)).size > 1)
    throw new BackupError('RESTORE_REFUSED', {
      problem: 'Several databases can not be restored into one',
      advice: 'choose the collections of one with `collections`, or leave `to` out',
    });
  const steps = sources.map((source) => ({
    source,
    database: to ?? source.database,
    collection: source.collection,
    way: wayOf(source),
  }));
  return { steps, skipped, whole: !collections && !manifest.source.collections };
}

/** By name; with the database before it where the backup holds several. */
function choose({ namespaces }: Manifest, wanted: readonly string[]): ManifestNamespace[] {
  checkCollectionNames(wanted);
  const single = new Set(namespaces.map(({ database }) => database)).size === 1;
  const found = wanted.map(
    (name) =>
      namespaces.find((namespace) => single && namespace.collection === name) ??
      namespaces.find((namespace) => nameOf(namespace) === name),
  );
  const missing = wanted.filter((_, index) => found[index] === undefined);
  if (missing.length > 0)
    throw new BackupError('COLLECTION_NOT_FOUND', {
      problem: `The backup has no collection ${list(missing)}`,
      expected: `some of ${list(namespaces.map((namespace) => (single ? namespace.collection : nameOf(namespace))))}`,
    });
  return [...new Set(found as ManifestNamespace[])];
}

/** Why no restore brings it back; undefined for what is restored. */
export function reasonToSkip({
  database,
  collection,
}: Pick<ManifestNamespace, 'database' | 'collection'>): string | undefined {
  if (OWN_DATABASES.includes(database))
    return `${database} belongs to the server itself: its users and settings stay`;
  if (collection.startsWith('$admin.')) return 'users and roles of the server stay as they are';
  return isOurs(collection) || isTrial(database)
    ? 'it is what backups and restores keep for themselves'
    : undefined;
}

export function wayOf({ type, collection }: Pick<ManifestNamespace, 'type' | 'collection'>): RestoreWay {
  if (type === 'view') return 'view';
  return type === 'timeseries' || collection.startsWith('system.') ? 'direct' : 'swap';
}
