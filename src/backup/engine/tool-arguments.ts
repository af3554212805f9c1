import type { DumpManner, DumpSelection, LoadSelection } from './dump-engine.js';

/** Every value is joined to its flag, so that a name that begins with a dash is no flag. */
export function dumpArguments(
  { database, collections, except = [], oplog }: DumpSelection,
  { concurrency, readPreference }: DumpManner,
): string[] {
  const manner = [
    `--numParallelCollections=${concurrency}`,
    ...(readPreference === undefined ? [] : [`--readPreference=${readPreference}`]),
  ];
  if (database === '*') return [...manner, ...(oplog ? ['--oplog'] : [])];
  return [
    ...manner,
    `--db=${database}`,
    // mongodump takes one collection or all but some, nothing in between.
    ...(collections ?? []).map((collection) => `--collection=${collection}`),
    ...except.map((collection) => `--excludeCollection=${collection}`),
  ];
}

export function loadArguments({ namespaces, into, unchecked }: LoadSelection): string[] {
  return [
    ...(unchecked ? ['--bypassDocumentValidation'] : []),
    '--stopOnError',
    ...namespaces.map(
      ({ database, collection }) => `--nsInclude=${literal(database)}.${literal(collection)}`,
    ),
    ...[...into].flatMap(([from, to]) => [
      `--nsFrom=${literal(from)}.*`,
      `--nsTo=${literal(to.database)}.${literal(to.prefix)}*`,
    ]),
  ];
}

/** A name as a namespace pattern that fits this name only. */
function literal(name: string): string {
  return name.replace(/[\\*]/g, '\\$&');
}
