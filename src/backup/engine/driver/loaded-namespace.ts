import type { FlatDocument } from '../../archive/flat-document.js';
import type { LoadSelection } from '../dump-engine.js';
import { type Definition, fromExtendedJson } from '../../archive/extended-json.js';
import type { RawDocuments } from './raw-documents.js';

const BUCKETS = 'system.buckets.';

/** A namespace of an archive on its way to the server. */
export interface LoadedNamespace {
  /** Its database in the archive. */
  readonly source: string;
  /** The collection that its blocks name. */
  readonly dataSource: string;
  readonly database: string;
  readonly collection: string;
  /** Where its documents go. */
  readonly data: string;
  /** The command that makes it. */
  readonly create: Readonly<Record<string, unknown>>;
  /** All but that of `_id`, which comes by itself. */
  readonly indexes: readonly Definition[];
  /** Its documents keep the order in which they are written. */
  readonly isOrdered: boolean;
  /** The batch that is being gathered. */
  documents: RawDocuments | undefined;
  /** The batch that was sent last. */
  last: Promise<void> | undefined;
}

/** Undefined for one that is not chosen. */
export function namespaceOf(declared: FlatDocument, selection: LoadSelection): LoadedNamespace | undefined {
  const text = (field: string): string => String(declared.get(field) ?? '');
  const source = text('db');
  const name = text('collection');
  const isChosen = selection.namespaces.some((one) => one.database === source && one.collection === name);
  if (!isChosen) return undefined;
  const { database, prefix } = selection.into.get(source) ?? { database: source, prefix: '' };
  const collection = prefix + name;
  const isSeries = text('type') === 'timeseries';
  const metadata = fromExtendedJson(text('metadata') || '{}');
  const options = (metadata.get('options') ?? new Map()) as Definition;
  const indexes = (metadata.get('indexes') ?? []) as readonly Definition[];
  return {
    source,
    dataSource: isSeries ? BUCKETS + name : name,
    database,
    collection,
    data: isSeries ? BUCKETS + collection : collection,
    create: createCommand(collection, options, indexes),
    indexes: indexes.filter((index) => !isOfId(index)).map((index) => indexOf(index, options)),
    isOrdered: options.get('capped') === true,
    documents: undefined,
    last: undefined,
  };
}

function createCommand(collection: string, options: Definition, indexes: readonly Definition[]) {
  // Long gone, but still among the options of what was made with it.
  const kept = [...options].filter(([name]) => name !== 'autoIndexId');
  const own = indexes.find((index) => isOfId(index) && index.get('clustered') !== true);
  const takesIdIndex = !['clusteredIndex', 'timeseries', 'viewOn'].some((name) => options.has(name));
  return {
    create: collection,
    ...Object.fromEntries(kept),
    ...(own && takesIdIndex
      ? { idIndex: new Map([...own].filter(([name]) => ID_INDEX.includes(name))) }
      : {}),
  };
}

const ID_INDEX = ['v', 'key', 'name', 'collation'];

function isOfId(index: Definition): boolean {
  const key = index.get('key') as Definition | undefined;
  return (
    index.get('clustered') === true || (key?.size === 1 && key.has('_id') && index.get('name') === '_id_')
  );
}

/**
 * An index without a collation would take on that of its collection: the simple one is written out. One of version 1
 * never has any, and must not be given one.
 */
function indexOf(index: Definition, options: Definition): Definition {
  const kept = new Map([...index].filter(([name]) => name !== 'ns'));
  const mayHave = Number(kept.get('v') ?? 2) > 1;
  if (mayHave && options.has('collation') && !kept.has('collation'))
    kept.set('collation', { locale: 'simple' });
  return kept;
}
