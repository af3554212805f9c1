import {
  BUCKETS,
  cant,
  declared,
  type Fields,
  namespaceOf,
  type OplogTime,
  type ReplayStep,
  timeOf,
  transactionOf,
} from './oplog-entry.js';
import { type OplogCatalogue, type OplogNamespace, nameIn } from './oplog-catalogue.js';
import {
  isRawTrue,
  rawDocument,
  rawDocuments,
  rawFields,
  rawInteger,
  rawText,
  rawWithout,
} from './raw-document.js';

const VIEWS = 'system.views';

/**
 * Reads the log of a replica set that was captured with a dump, from its first entry to its last: says of each entry
 * what is to be done, and keeps the catalogue of what there is. Transactions come as one, when they were committed.
 *
 * Whatever it can't say surely is refused: a backup with such an entry must not be made, and one that has been made
 * elsewhere not be restored.
 */
export class OplogReading {
  entries = 0;
  from: OplogTime | undefined;
  to: OplogTime | undefined;
  /** Parts of transactions that are not committed so far. */
  private readonly pending = new Map<string, Buffer[]>();

  constructor(readonly catalogue: OplogCatalogue) {}

  /** @throws Error that says what can't be replayed */
  read(entry: Buffer): readonly ReplayStep[] {
    const fields = rawFields(entry);
    const time = timeOf(fields.get('ts'));
    this.entries++;
    this.from ??= time;
    this.to = time;
    return this.steps(fields);
  }

  /** @throws Error for what is written to and isn't there */
  end(): void {
    const [stray] = this.catalogue.strays;
    if (stray !== undefined) throw new Error(`it writes to ${stray}, which the backup does not hold`);
  }

  private steps(fields: Fields): readonly ReplayStep[] {
    const op = rawText(fields.get('op'));
    if (op === 'n') return [];
    const { database, collection } = namespaceOf(rawText(fields.get('ns')));
    if (op === 'c') return this.command(database, fields);
    if (op !== 'i' && op !== 'u' && op !== 'd') throw new Error(`an entry of the kind ${op}`);
    if (this.catalogue.leavesOut(database, collection)) return [];
    const o = rawDocument(fields.get('o'));
    if (!o) throw new Error('a write without a document');
    if (collection === VIEWS) return this.view(op, database, o);
    const known = this.catalogue.find(database, declared(collection));
    if (!known) {
      this.catalogue.strays.add(`${database}.${collection}`);
      return [];
    }
    return [{ kind: 'write', op, database, collection, o, o2: rawDocument(fields.get('o2')) }];
  }

  private command(database: string, fields: Fields): readonly ReplayStep[] {
    const o = rawDocument(fields.get('o'));
    if (!o) throw new Error('a command without a document');
    const command = rawFields(o);
    const [name = ''] = command.keys();
    switch (name) {
      case 'applyOps':
        return this.operations(fields, command);
      case 'commitTransaction':
        return this.committed(fields);
      case 'abortTransaction':
        this.pending.delete(transactionOf(fields));
        return [];
      case 'dropDatabase':
        return this.catalogue
          .inDatabase(database)
          .flatMap(({ collection }) => this.drop(database, collection));
      case 'startIndexBuild':
        return [];
      default: {
        const collection = rawText(command.get(name)) ?? '';
        if (this.catalogue.leavesOut(database, collection)) return [];
        return this.change(name, database, collection, o, command);
      }
    }
  }

  private operations(fields: Fields, command: Fields): readonly ReplayStep[] {
    const transaction = transactionOf(fields);
    const all = [...(this.pending.get(transaction) ?? []), ...rawDocuments(command.get('applyOps'))];
    this.pending.delete(transaction);
    if (isRawTrue(command.get('partialTxn')) || isRawTrue(command.get('prepare'))) {
      this.pending.set(transaction, all);
      return [];
    }
    if (all.length < (rawInteger(command.get('count')) ?? 0))
      throw new Error('a transaction that began before it');
    return all.flatMap((operation) => this.steps(rawFields(operation)));
  }

  private committed(fields: Fields): readonly ReplayStep[] {
    const all = this.pending.get(transactionOf(fields));
    if (!all) throw new Error('a transaction that began before it');
    this.pending.delete(transactionOf(fields));
    return all.flatMap((operation) => this.steps(rawFields(operation)));
  }

  private change(
    name: string,
    database: string,
    collection: string,
    command: Buffer,
    fields: Fields,
  ): readonly ReplayStep[] {
    const known = this.catalogue.find(database, declared(collection));
    if (collection.startsWith(BUCKETS)) return ofTimeSeries(name, known, collection, fields);
    switch (name) {
      case 'create':
        // That of the views comes by itself with the first of them.
        if (known || collection === VIEWS) return [];
        if (fields.has('timeseries') || fields.has('viewOn')) throw cant(name, `${database}.${collection}`);
        this.catalogue.make(database, collection, 'collection');
        return [{ kind: 'create', database, collection, command }];
      case 'drop':
        return this.drop(database, collection);
      case 'createIndexes':
        made(known, command);
        return [];
      case 'commitIndexBuild':
        for (const spec of rawDocuments(fields.get('indexes'))) made(known, spec);
        return [];
      case 'abortIndexBuild':
        // A dump that looks while an index is built lists it.
        for (const spec of rawDocuments(fields.get('indexes'))) known?.indexes.delete(indexName(spec));
        return [];
      case 'dropIndexes':
      case 'deleteIndexes':
      case 'deleteIndex':
        return this.dropIndexes(known, rawText(fields.get('index')), `${database}.${collection}`);
      case 'collMod':
        return known ? modify(known, command, fields) : [];
      default:
        throw cant(name, `${database}.${collection}`);
    }
  }

  private drop(database: string, collection: string): readonly ReplayStep[] {
    const known = this.catalogue.find(database, collection);
    this.catalogue.remove(database, collection);
    if (known?.type === 'timeseries') throw cant('drop', nameIn(known));
    return known?.type === 'collection' ? [{ kind: 'drop', database, collection }] : [];
  }

  private dropIndexes(
    known: OplogNamespace | undefined,
    index: string | undefined,
    name: string,
  ): readonly ReplayStep[] {
    if (index === undefined) throw cant('dropIndexes', name);
    if (index === '*') known?.indexes.clear();
    known?.indexes.delete(index);
    return [];
  }

  /** Views are documents of a collection of their own. */
  private view(op: 'i' | 'u' | 'd', database: string, o: Buffer): readonly ReplayStep[] {
    const fields = rawFields(o);
    const full = rawText(fields.get('_id')) ?? '';
    const view = full.slice(database.length + 1);
    const known = this.catalogue.find(database, view);
    if (op === 'u') throw cant('collMod', full || `a view of ${database}`);
    if (known?.type === 'timeseries') {
      if (op === 'd') throw cant('drop', full);
      return [];
    }
    if (op === 'd') return this.drop(database, view);
    if (rawText(fields.get('viewOn'))?.startsWith(BUCKETS)) throw cant('create', full);
    this.catalogue.make(database, view, 'view', o);
    return [];
  }
}

/** Changes of time series are not followed; they may have been there when the dump began to look. */
function ofTimeSeries(
  name: string,
  known: OplogNamespace | undefined,
  collection: string,
  fields: Fields,
): readonly ReplayStep[] {
  if (!known) {
    if (name === 'create') throw cant(name, declared(collection));
    return [];
  }
  if (name === 'create') return [];
  if (name === 'createIndexes' && known.indexes.has(rawText(fields.get('name')) ?? '')) return [];
  throw cant(name, nameIn(known));
}

function made(known: OplogNamespace | undefined, spec: Buffer): void {
  const name = indexName(spec);
  known?.indexes.set(name, { name, spec, changes: [] });
}

function indexName(spec: Buffer): string {
  return rawText(rawFields(spec).get('name')) ?? '';
}

/** Changes of an index are kept with it, since indexes are made when all else is done. */
function modify(known: OplogNamespace, command: Buffer, fields: Fields): readonly ReplayStep[] {
  if (known.type === 'view') throw cant('collMod', nameIn(known));
  const change = rawDocument(fields.get('index'));
  if (change) {
    const index = known.indexes.get(indexName(change));
    if (!index) throw cant('collMod', nameIn(known));
    index.changes.push(change);
  }
  const { database, collection } = known;
  const rest = rawWithout(command, ['index']);
  return rawFields(rest).size > 1 ? [{ kind: 'change', database, collection, command: rest }] : [];
}
