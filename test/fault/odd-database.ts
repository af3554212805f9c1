import { createHash } from 'node:crypto';
import mongoose from 'mongoose';
import { RawDocuments } from '../../src/backup/engine/driver/raw-documents.js';
import type { Lots } from './load.js';
import { everyValue, largestDocument, oddDocument } from './odd-documents.js';

const { BSON } = mongoose.mongo;
type Db = mongoose.mongo.Db;
type Options = Readonly<Record<string, unknown>>;

/** What a server makes of these it must make again. */
const NAMES: readonly string[] = [
  'plain',
  'fs.chunks',
  'a..b.',
  ' a b ',
  '--drop',
  '*',
  'a*\\*',
  '"; \'$()'.replace('$', ''),
  '🌷 Blüte',
  '%2e%2e',
  'a/b',
  'a\nb\t',
  'EOF',
  'oplog',
  'null',
  '10',
  '2',
  '__proto__',
  'système',
  'long'.repeat(30),
];

const ordered = (...entries: [string, unknown][]): Map<string, unknown> => new Map(entries);

const OPTIONS: readonly Options[] = [
  {},
  {},
  { capped: true, size: 1_000_000 },
  { capped: true, size: 65_536, max: 7 },
  { clusteredIndex: { key: { _id: 1 }, unique: true, name: 'by id' } },
  { clusteredIndex: { key: { _id: 1 }, unique: true }, expireAfterSeconds: 1e9 },
  { collation: { locale: 'de', strength: 1, numericOrdering: true } },
  { collation: { locale: 'fr', backwards: true }, capped: true, size: 100_000 },
  { validator: { nothing: { $exists: true, $type: ['string', 'undefined'] } }, validationLevel: 'moderate' },
  { validator: { $jsonSchema: { required: ['z'], properties: { z: { bsonType: 'symbol' } } } } },
  { validator: { $expr: { $eq: [{ $literal: BSON.Long.fromNumber(2 ** 53) }, '$missing'] } } },
  {
    validator: { r: { $not: /^a"b\\/i }, d: { $ne: BSON.Decimal128.fromString('-1.50') } },
    validationAction: 'warn',
  },
  { validator: ordered(['10', { $ne: 0.5 }], ['2', { $ne: new BSON.Double(1) }], ['x', { $ne: 1 }]) },
  { changeStreamPreAndPostImages: { enabled: true } },
  { storageEngine: { wiredTiger: { configString: 'block_compressor=zlib' } } },
  { indexOptionDefaults: { storageEngine: { wiredTiger: { configString: 'prefix_compression=false' } } } },
];

const INDEXES: readonly Options[] = [
  { key: { a: 1 } },
  { key: { a: -1, b: 1.5 } },
  { key: { b: BSON.Long.fromInt(-1) } },
  { key: ordered(['10', 1], ['2', -1], ['a', 1]) },
  { key: ordered(['2', 1], ['10', -1]), expireAfterSeconds: 1e9 },
  { key: { a: 'hashed', b: 1 } },
  { key: { 'g.plane': '2d' }, min: -5, max: 5, bits: 12 },
  { key: { 'g.globe': '2dsphere', a: 1 }, '2dsphereIndexVersion': 2 },
  { key: { '$**': 1 }, wildcardProjection: { a: 1, 'b.c': 1 } },
  { key: { 'w.$**': 1 } },
  { key: { b: 1 }, hidden: true, sparse: true },
  { key: { u: 1 }, unique: true, partialFilterExpression: { u: { $type: 'string' } } },
  {
    key: { p: 1 },
    partialFilterExpression: { p: { $gt: BSON.Long.fromInt(5), $lt: BSON.Timestamp.MAX_VALUE } },
  },
  { key: { t: 1 }, expireAfterSeconds: 1e9 },
  { key: { c: 1 }, collation: { locale: 'fr', backwards: true } },
  { key: { c: 1, a: 1 }, collation: { locale: 'simple' } },
  {
    key: { x: 1, n: 'text', o: 'text' },
    weights: { n: 5 },
    default_language: 'german',
    language_override: 'lang',
    collation: { locale: 'simple' },
  },
  { key: { q: 1 }, prepareUnique: true },
  { key: { 's.0.t': 1 }, background: true },
];

/** Makes a database of anything that this server can be brought to hold. */
export async function makeOddDatabase(db: Db, lots: Lots): Promise<void> {
  const names = NAMES.filter(() => lots.below(4) === 0);
  for (const name of ['certain', ...names]) {
    await db.command({ create: name, ...lots.of(OPTIONS) });
    await fill(db, name, lots);
    await index(db, name, lots);
  }
  if (lots.below(3) === 0) {
    await db
      .collection<{ _id: string; value: unknown }>('system.js')
      .insertOne({ _id: 'f', value: new BSON.Code('x') });
  }
  if (lots.below(2) === 0) await makeSeries(db, lots);
  await makeViews(db, ['certain', ...names], lots);
}

async function fill(db: Db, name: string, lots: Lots): Promise<void> {
  const documents = Array.from({ length: lots.below(60) }, (_, id) => oddDocument(lots, id));
  if (lots.below(3) === 0) documents.push(...everyValue(1_000));
  if (lots.below(20) === 0) documents.push(largestDocument(-1));
  for (const document of documents) {
    const raw = new RawDocuments(document.length);
    raw.add(document);
    await db.command({ insert: name, documents: raw, bypassDocumentValidation: true });
  }
}

async function index(db: Db, name: string, lots: Lots): Promise<void> {
  for (const [number, spec] of INDEXES.entries()) {
    if (lots.below(4) > 0) continue;
    // Some fit no document that is there, or not this kind of collection.
    await db
      .command({
        createIndexes: name,
        indexes: [{ name: `${number}.${'10'.repeat(lots.below(3))}"`, ...spec }],
      })
      .catch(() => undefined);
  }
}

async function makeSeries(db: Db, lots: Lots): Promise<void> {
  const seconds = lots.of([{ granularity: 'seconds' }, { granularity: 'hours' }]);
  const expiry = lots.of([{}, { expireAfterSeconds: 1.7e9 }]);
  const name = lots.of(['series', 'se ries.10', '時系列']);
  await db.command({ create: name, timeseries: { timeField: 't', metaField: 'm', ...seconds }, ...expiry });
  const measured = (number: number) => ({
    t: new Date(1.6e12 + number * 1e7),
    m: lots.of<unknown>([number % 3, 'x', { a: 1, '10': 2 }, null, new BSON.Double(-0)]),
    v: lots.of<unknown>([number, 'text', BSON.Long.fromInt(1), [1, { b: NaN }], new BSON.MinKey()]),
    at: [number % 90, 5],
  });
  if (lots.below(4) > 0)
    await db
      .collection(name)
      .insertMany(Array.from({ length: 1 + lots.below(300) }, (_, at) => measured(at)));
  await db.collection(name).createIndex({ 'm.a': 1, t: -1 });
  // Not one of places within measurements: mongorestore can't make it again.
}

async function makeViews(db: Db, names: readonly string[], lots: Lots): Promise<void> {
  const pipelines: readonly unknown[] = [
    [],
    [{ $sort: ordered(['10', 1], ['2', -1]) }],
    [{ $match: { a: { $lt: BSON.Long.fromNumber(9) }, d: new Date(-1), s: new BSON.BSONSymbol('s') } }],
    [{ $lookup: { from: 'certain', as: '10', let: {}, pipeline: [{ $match: { $expr: true } }] } }],
    [{ $project: ordered(['9', { $literal: -0.0 }], ['1', { $literal: new BSON.UUID() }], ['c', '$$ROOT']) }],
    [{ $set: { text: { $concat: ['"', '\\', '\n', '~', 'x'.repeat(lots.of([1, 300_000]))] } } }],
  ];
  let on = lots.of(names);
  for (let number = lots.below(4); number > 0; number--) {
    const view = lots.of([`view ${number}`, `${number}`, `v.${number}.`]);
    const collation = lots.of([{}, { collation: { locale: 'de' } }]);
    // A view over a view needs the same collation as that.
    const made = await db
      .command({ create: view, viewOn: on, pipeline: lots.of(pipelines), ...collation })
      .catch(() => undefined);
    if (made) on = view;
  }
}

/**
 * What a database holds, by the bytes that the server gives, so that nothing is lost by being read: of each namespace
 * its options, its indexes, and a hash of its documents.
 */
export async function exactContentOf(db: Db): Promise<Readonly<Record<string, string>>> {
  const content: [string, string][] = [];
  for (const { name, type, options, idIndex } of await listed(db)) {
    if (name === 'flora_backup.locks' || name === 'system.views') continue;
    const isBuckets = name.startsWith('system.buckets.');
    const hasData = type === 'collection' || type === undefined;
    const documents = hasData ? await documentsOf(db, name, isCapped(options)) : [];
    const indexes = type === 'view' || isBuckets ? [] : await indexesOf(db, name);
    content.push([`${name}: type`, String(type)]);
    for (const field of [...fieldsOf(options), ...fieldsOf(idIndex)]) content.push([`${name}: ${field}`, '']);
    for (const fields of indexes) content.push([`${name}: index ${fields.join(' ')}`, '']);
    content.push([`${name}: ${documents.length} documents`, hashOf(documents)]);
  }
  return Object.fromEntries(content.map(([key, value]) => [key.replace(NOT_PRINTABLE, '·'), value]));
}

// eslint-disable-next-line no-control-regex
const NOT_PRINTABLE = /[\0-\x1f]/g;

function hashOf(documents: readonly string[]): string {
  const hash = createHash('sha256');
  for (const document of documents) hash.update(document, 'latin1');
  return hash.digest('hex');
}

interface Listed {
  readonly name: string;
  readonly type?: string;
  readonly options?: Uint8Array;
  readonly idIndex?: Uint8Array;
}

async function listed(db: Db): Promise<Listed[]> {
  const found = (await db.listCollections({}, { raw: true } as never).toArray()) as unknown as Uint8Array[];
  return found
    .map((bytes) => BSON.deserialize(bytes, { raw: true }) as Listed)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function isCapped(options: Uint8Array | undefined): boolean {
  return options !== undefined && BSON.deserialize(options)['capped'] === true;
}

async function documentsOf(db: Db, name: string, isOrdered: boolean): Promise<string[]> {
  const found = (await db.collection(name).find({}, { raw: true }).toArray()) as unknown as Uint8Array[];
  const texts = found.map((bytes) => Buffer.from(bytes).toString('latin1'));
  return isOrdered ? texts : texts.sort();
}

async function indexesOf(db: Db, name: string): Promise<string[][]> {
  const cursor = db.collection(name).listIndexes({ raw: true });
  const found = (await cursor.toArray()) as unknown as Uint8Array[];
  return found.map(fieldsOf).toSorted((one, other) => (String(one) < String(other) ? -1 : 1));
}

/** Each by its bytes; the order of the fields themselves is the server's business. */
function fieldsOf(document: Uint8Array | undefined): string[] {
  if (!document) return [];
  const bytes = Buffer.from(document);
  const fields: string[] = [];
  for (let at = 4; bytes[at] !== 0;) {
    const next = at + lengthOfMember(bytes.subarray(at));
    fields.push(bytes.toString('latin1', at, next));
    at = next;
  }
  return fields.sort();
}

function lengthOfMember(bytes: Buffer): number {
  const value = bytes.indexOf(0, 1) + 1;
  const type = bytes[0]!;
  if (type === 0x02) return value + 4 + bytes.readInt32LE(value);
  if (type === 0x03 || type === 0x04) return value + bytes.readInt32LE(value);
  if (type === 0x08) return value + 1;
  if (type === 0x10) return value + 4;
  return value + 8;
}
