import type { ArchiveNamespace, NamespaceType } from './archive-summary.js';
import { Crc64 } from './crc64.js';
import type { FlatDocument, FlatValue } from './flat-document.js';

const TYPES: readonly string[] = ['collection', 'view', 'timeseries'] satisfies NamespaceType[];

/** Is told of every document of a namespace, whole or, where it spans chunks, in parts. Keeps none of the memory. */
export interface DocumentListener {
  document(bytes: Buffer): void;
  part(bytes: Buffer, isLast: boolean): void;
  /** Of the documents, where it makes one. */
  readonly digest?: () => string;
}

/** A namespace of an archive while its documents come in. */
export class NamespaceTally {
  readonly name: string;
  /** True once a block of it was met. */
  begun = false;
  /** True once its EOF header was met. */
  closed = false;
  documents = 0;
  bytes = 0;
  dataCollection: string;
  listener: DocumentListener | undefined;
  private readonly database: string;
  private readonly collection: string;
  private readonly type: NamespaceType;
  private readonly metadata: string;
  private readonly crc = new Crc64();

  /** @throws Error for a type of namespace that is not known */
  constructor(declared: FlatDocument) {
    const text = (field: string): string => String(declared.get(field) ?? '');
    this.database = text('db');
    this.collection = text('collection');
    this.metadata = text('metadata');
    this.dataCollection = this.collection;
    this.name = `${this.database}.${this.collection}`;
    const type = text('type') || 'collection';
    if (!TYPES.includes(type)) throw new Error(`${this.name} is of type ${type}`);
    this.type = type as NamespaceType;
  }

  /** True for the log that was captured with the dump. */
  get isOplog(): boolean {
    return this.database === '' && this.collection === 'oplog';
  }

  add(documents: Buffer): void {
    this.bytes += documents.length;
    this.crc.update(documents);
  }

  /** False when the checksum is not that of the documents. */
  close(crc: FlatValue | undefined): boolean {
    this.closed = true;
    return typeof crc === 'bigint' && BigInt.asUintN(64, crc) === this.crc.value();
  }

  result(): ArchiveNamespace {
    const { database, collection, type, dataCollection, documents, bytes, metadata } = this;
    const crc64 = this.crc.value().toString(16).padStart(16, '0');
    const contents = this.listener?.digest?.();
    const found = { database, collection, type, dataCollection, documents, bytes, crc64, metadata };
    return contents === undefined ? found : { ...found, contents };
  }
}

/** The namespaces that an archive's prelude declares, by the names that its blocks use. */
export class NamespaceTallies {
  private readonly byName = new Map<string, NamespaceTally>();

  constructor(private readonly listen: (namespace: NamespaceTally) => DocumentListener | undefined) {}

  /** @throws Error when it is declared already */
  declare(document: FlatDocument): void {
    const tally = new NamespaceTally(document);
    if (this.byName.has(tally.name)) throw new Error(`${tally.name} is declared twice`);
    tally.listener = this.listen(tally);
    this.byName.set(tally.name, tally);
  }

  /** The namespace of a block; the blocks of a time series carry the name of its bucket collection. */
  of(header: FlatDocument): NamespaceTally {
    const database = String(header.get('db'));
    const collection = String(header.get('collection'));
    const declared = collection.startsWith(BUCKETS) ? collection.slice(BUCKETS.length) : collection;
    const tally = this.byName.get(`${database}.${collection}`) ?? this.byName.get(`${database}.${declared}`);
    if (!tally) throw new Error(`${database}.${collection} is not declared`);
    if (tally.closed) throw new Error(`${tally.name} goes on after its end`);
    tally.dataCollection = collection;
    tally.begun = true;
    return tally;
  }

  all(): readonly NamespaceTally[] {
    return [...this.byName.values()];
  }
}

const BUCKETS = 'system.buckets.';
