import type { ArchiveNamespace } from '../archive/archive-summary.js';
import { type Definition, extendedJsonOf, fromExtendedJson } from '../archive/extended-json.js';
import { list } from '../backup.errors.js';

/** What servers of different versions write differently and means the same. */
const OF_THE_SERVER = ['ns', 'v', 'background'];
const EXPIRY = 'expireAfterSeconds';

/**
 * Options and indexes without all that makes the server delete documents by age: a trial must not lose what it is
 * about to count.
 */
export function withoutExpiry(metadata: string): string {
  if (!metadata.includes(EXPIRY)) return metadata;
  const definition = fromExtendedJson(metadata);
  for (const part of [optionsOf(definition), ...indexesOf(definition)]) part.delete(EXPIRY);
  return extendedJsonOf(definition);
}

/**
 * In words, how a namespace that was restored for trial differs from the one in the archive; undefined when it does
 * not. Documents are compared by their number and by their bytes, in whatever order.
 */
export function differenceOf(
  expected: ArchiveNamespace,
  found: ArchiveNamespace | undefined,
): string | undefined {
  if (!found) return 'is not there after a restore';
  if (found.type !== expected.type) return `is a ${found.type} after a restore instead of a ${expected.type}`;
  if (found.documents !== expected.documents)
    return `has ${found.documents} documents after a restore instead of ${expected.documents}`;
  if (found.contents !== expected.contents) return 'has other documents after a restore';
  return differenceOfMetadata(expected.metadata, found.metadata);
}

function differenceOfMetadata(expected: string, found: string): string | undefined {
  const [wanted, there] = [expected, found].map((text) => fromExtendedJson(text === '' ? '{}' : text)) as [
    Definition,
    Definition,
  ];
  const options = differing(optionsOf(wanted), optionsOf(there));
  if (options.length > 0) return `has other options after a restore: ${list(options)}`;
  const indexes = differing(byName(wanted), byName(there));
  return indexes.length > 0 ? `has other indexes after a restore: ${list(indexes)}` : undefined;
}

function optionsOf(definition: Definition): Definition {
  return (definition.get('options') ?? new Map<string, unknown>()) as Definition;
}

function indexesOf(definition: Definition): readonly Definition[] {
  return (definition.get('indexes') ?? []) as readonly Definition[];
}

function byName(definition: Definition): Definition {
  const indexes = indexesOf(definition);
  for (const index of indexes) for (const name of OF_THE_SERVER) index.delete(name);
  return new Map(indexes.map((index) => [String(index.get('name')), index]));
}

/** The names of the members that differ. The order of what is within a value counts, as it does for an index. */
function differing(one: Definition, other: Definition): string[] {
  const names = [...new Set([...one.keys(), ...other.keys()])];
  return names.filter((name) => text(one.get(name)) !== text(other.get(name)));
}

/** With the members of the value itself in order: servers list them as they like; those further down have a meaning. */
function text(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const sorted =
    value instanceof Map
      ? new Map([...(value as Definition)].toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : value;
  return extendedJsonOf(new Map([['value', sorted]]));
}
