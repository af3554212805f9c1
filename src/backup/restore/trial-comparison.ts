import type { ArchiveNamespace } from '../archive/archive-summary.js';
import { list } from '../backup.errors.js';

type Texts = Readonly<Record<string, unknown>>;

interface Metadata {
  readonly options?: Texts;
  readonly indexes?: readonly (Texts & { readonly name?: unknown })[];
}

/** What servers of different versions write differently and means the same. */
const OF_THE_SERVER = ['ns', 'v', 'background'];

/**
 * Options and indexes without all that makes the server delete documents by age: a trial must not lose what it is
 * about to count.
 */
export function withoutExpiry(metadata: string): string {
  if (!metadata.includes('expireAfterSeconds')) return metadata;
  const { options, indexes, ...rest } = JSON.parse(metadata) as Metadata;
  return JSON.stringify({
    ...rest,
    ...(options ? { options: without(options, ['expireAfterSeconds']) } : {}),
    ...(indexes ? { indexes: indexes.map((index) => without(index, ['expireAfterSeconds'])) } : {}),
  });
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
  const [wanted, there] = [expected, found].map(read) as [Metadata, Metadata];
  const options = differing(wanted.options ?? {}, there.options ?? {});
  if (options.length > 0) return `has other options after a restore: ${list(options)}`;
  const indexes = differing(byName(wanted), byName(there));
  return indexes.length > 0 ? `has other indexes after a restore: ${list(indexes)}` : undefined;
}

function read(metadata: string): Metadata {
  return metadata === '' ? {} : (JSON.parse(metadata) as Metadata);
}

function byName({ indexes = [] }: Metadata): Texts {
  return Object.fromEntries(indexes.map((index) => [String(index.name), without(index, OF_THE_SERVER)]));
}

/** The keys whose values differ. The order of keys within a value counts, as it does for an index. */
function differing(one: Texts, other: Texts): string[] {
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.filter((key) => text(one[key]) !== text(other[key]));
}

/** With the fields of the value itself in order: servers list them as they like; those further down have a meaning. */
function text(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value);
  return JSON.stringify(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function without(fields: Texts, names: readonly string[]): Texts {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
