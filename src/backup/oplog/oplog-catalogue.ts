import type { ArchiveNamespace, NamespaceType } from '../archive/archive-summary.js';
import { OWN_DATABASES } from '../names.js';
import { isOurs, isTrial } from '../restore/scratch.js';

/** An index as it is made in the end. */
export interface OplogIndex {
  readonly name: string;
  /** As BSON from the log; else the metadata of its collection, as the archive has it: it is listed there. */
  readonly spec: string | Buffer;
  /** What was changed about it afterwards, as BSON. */
  readonly changes: Buffer[];
}

/** What there is at a moment of the log. */
export interface OplogNamespace {
  readonly database: string;
  readonly collection: string;
  readonly type: NamespaceType;
  /** By name, without what is made with the collection. */
  readonly indexes: Map<string, OplogIndex>;
  /** Of a view that was made in the log: its definition, as BSON. */
  readonly view?: Buffer | undefined;
}

/** Collections, views and indexes: as the archive has them, then as the log goes on. */
export class OplogCatalogue {
  /** What was written to and is not there: it may have been dropped before the dump looked, and the log says so. */
  readonly strays = new Set<string>();
  private readonly byName = new Map<string, OplogNamespace>();

  constructor(
    namespaces: readonly Pick<ArchiveNamespace, 'database' | 'collection' | 'type' | 'metadata'>[],
  ) {
    for (const { database, collection, type, metadata } of namespaces)
      this.add({ database, collection, type, indexes: indexesOf(metadata) });
  }

  /** True for what no backup restores: the server's own, and ours. */
  leavesOut(database: string, collection: string): boolean {
    return OWN_DATABASES.includes(database) || isTrial(database) || isOurs(collection);
  }

  find(database: string, collection: string): OplogNamespace | undefined {
    return this.byName.get(`${database}.${collection}`);
  }

  inDatabase(database: string): readonly OplogNamespace[] {
    return this.all().filter((namespace) => namespace.database === database);
  }

  all(): readonly OplogNamespace[] {
    return [...this.byName.values()];
  }

  make(database: string, collection: string, type: NamespaceType, view?: Buffer): void {
    this.strays.delete(`${database}.${collection}`);
    this.add({ database, collection, type, indexes: new Map(), view });
  }

  remove(database: string, collection: string): void {
    this.strays.delete(`${database}.${collection}`);
    this.byName.delete(`${database}.${collection}`);
  }

  private add(namespace: OplogNamespace): void {
    this.byName.set(nameIn(namespace), namespace);
  }
}

export function nameIn({ database, collection }: { database: string; collection: string }): string {
  return `${database}.${collection}`;
}

function indexesOf(metadata: string): Map<string, OplogIndex> {
  const { indexes = [] } = metadata === '' ? {} : (JSON.parse(metadata) as { indexes?: ListedIndex[] });
  const names = indexes
    .filter(({ name, clustered }) => !isOfItsCollection(name, clustered))
    .map(({ name }) => String(name));
  return new Map(names.map((name) => [name, { name, spec: metadata, changes: [] }]));
}

interface ListedIndex {
  readonly name?: unknown;
  readonly clustered?: unknown;
}

/** True for an index that is made with its collection, and can't be made by itself. */
export function isOfItsCollection(name: unknown, clustered: unknown): boolean {
  return name === '_id_' || clustered === true;
}
