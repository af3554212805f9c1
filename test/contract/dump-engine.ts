import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { inspect } from 'node:util';
import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { ArchiveReader } from '../../src/backup/archive/archive-reader.js';
import type { ArchiveSummary } from '../../src/backup/archive/archive-summary.js';
import { fromExtendedJson } from '../../src/backup/archive/extended-json.js';
import { RawDocuments } from '../../src/backup/engine/driver/raw-documents.js';
import type { DumpEngine, DumpSelection } from '../../src/backup/engine/dump-engine.js';
import { openDump } from '../../src/backup/engine/dump-source.js';

const { BSON, MongoClient } = mongoose.mongo;
type Db = mongoose.mongo.Db;

/**
 * What every DumpEngine promises, by itself and beside the one that others are measured by: what one has dumped, the
 * other loads.
 *
 * @param make the engine, the other one, and two empty databases of one server
 */
export function dumpEngineContract(
  make: () => { engine: DumpEngine; other: DumpEngine; uri: string; names: readonly [string, string] },
): void {
  const open = async (work: (made: Ground) => Promise<void>): Promise<void> => {
    const { engine, other, uri, names } = make();
    const client = await MongoClient.connect(uri);
    const [from, to] = names.map((name) => client.db(name)) as [Db, Db];
    try {
      await work({ engine, other, from, to });
    } finally {
      await Promise.all([from.dropDatabase(), to.dropDatabase()]);
      await client.close();
    }
  };

  it('says what it is before it does anything', () =>
    open(async ({ engine }) => {
      expect(await engine.prepare('dump')).toMatch(/\d+\.\d+/);
      expect(await engine.prepare('load')).toMatch(/\d+\.\d+/);
    }));

  it('dumps the same as the other: namespaces, counts, bytes, checksums, definitions', () =>
    open(async ({ engine, other, from }) => {
      await plant(from);
      const [ours, theirs] = [await dumped(engine, from), await dumped(other, from)].map(summaryOf);
      expect(sorted(ours!)).toEqual(sorted(theirs!));
      expect(ours!.serverVersion).toBe(theirs!.serverVersion);
    }));

  it.each(['itself', 'the other'] as const)('loads what was dumped by %s, to the bit', (by) =>
    open(async ({ engine, other, from, to }) => {
      await plant(from);
      const archive = await dumped(by === 'itself' ? engine : other, from);
      const before = summaryOf(archive);

      const written = await loaded(engine, archive, from, to, before);

      expect(written).toBe(before.namespaces.reduce((sum, { documents }) => sum + documents, 0));
      const after = summaryOf(await dumped(other, to));
      expect(contents(after)).toEqual(contents(before));
      expect(checksum(after, 'odd')).toBe(checksum(before, 'odd'));
      const capped = await to.collection('capped').find().toArray();
      expect(capped.map(({ line }) => line)).toEqual(Array.from({ length: 50 }, (_, index) => index + 30));
    }),
  );

  it('dumps some collections, or all but some', () =>
    open(async ({ engine, from }) => {
      await plant(from);
      const names = async (selection: Partial<DumpSelection>) =>
        summaryOf(await dumped(engine, from, selection)).namespaces.map(({ collection }) => collection);

      expect(await names({ collections: ['capped'] })).toEqual(['capped']);
      const all = await names({});
      const left = await names({ except: ['capped', 'odd', 'visits'] });
      expect(left.toSorted()).toEqual(
        all.filter((name) => !['capped', 'odd', 'visits'].includes(name)).toSorted(),
      );
    }));

  it('loads chosen namespaces only, under a prefix', () =>
    open(async ({ engine, from, to }) => {
      await plant(from);
      const archive = await dumped(engine, from);
      const { namespaces } = summaryOf(archive);
      const chosen = namespaces.filter(({ collection }) => ['capped', 'many'].includes(collection));

      await loaded(engine, archive, from, to, { namespaces: chosen }, 'beside.');

      const found = await to.listCollections({}, { nameOnly: true }).toArray();
      expect(found.map(({ name }) => name).toSorted()).toEqual(['beside.capped', 'beside.many']);
      expect(await to.collection('beside.many').countDocuments()).toBe(12_000);
    }));

  it('refuses a time series that is there already', () =>
    open(async ({ engine, from, to }) => {
      await from.createCollection('visits', { timeseries: { timeField: 'at' } });
      await from.collection('visits').insertOne({ at: new Date() });
      await to.createCollection('visits', { timeseries: { timeField: 'at' } });
      const archive = await dumped(engine, from);

      await expect(loaded(engine, archive, from, to, summaryOf(archive))).rejects.toMatchObject({
        code: 'TARGET_NOT_EMPTY',
      });
    }));

  it('rejects when a document is refused', () =>
    open(async ({ engine, from, to }) => {
      await from.createCollection('checked', { validator: { price: { $type: 'int' } } });
      await from.collection('checked').insertOne({ price: 'none' }, { bypassDocumentValidation: true });
      const archive = await dumped(engine, from);

      await expect(loaded(engine, archive, from, to, summaryOf(archive))).rejects.toMatchObject({
        code: expect.stringMatching(/^(RESTORE_MISMATCH|TOOL_FAILED)$/),
      });
      expect(await to.collection('checked').countDocuments()).toBe(0);
    }));

  it('stops when its signal says so, dumping and loading, and rejects', () =>
    open(async ({ engine, from, to }) => {
      await plant(from);
      const archive = await dumped(engine, from);
      const stop = new AbortController();
      const dump = await openDump(await engine.source({ database: from.databaseName }), stop.signal);
      const load = await engine.load(selectionOf(from, to, summaryOf(archive)), stop.signal);
      load.archive.on('error', () => undefined);
      dump.archive.on('error', () => undefined);
      load.archive.write(archive.subarray(0, archive.length / 2));

      stop.abort();

      await expect(dump.finished).rejects.toThrow();
      await expect(load.finished).rejects.toThrow();
    }));

  it('rejects a load that gets no whole archive', () =>
    open(async ({ engine, from, to }) => {
      await plant(from);
      const archive = await dumped(engine, from);
      const half = archive.subarray(0, Math.floor(archive.length * 0.7));

      await expect(loaded(engine, half, from, to, summaryOf(archive))).rejects.toThrow();
    }));
}

interface Ground {
  readonly engine: DumpEngine;
  readonly other: DumpEngine;
  readonly from: Db;
  readonly to: Db;
}

async function plant(db: Db): Promise<void> {
  const many = Array.from({ length: 12_000 }, (_, index) => ({ index, name: `flower ${index}` }));
  await db.collection('many').insertMany(many);
  await db.command({
    createIndexes: 'many',
    indexes: [
      {
        name: 'numbers',
        key: new Map<string, unknown>([
          ['10', 1],
          ['2', -1],
          ['a', 1],
        ]),
      },
      {
        name: 'partly',
        key: { index: 1 },
        partialFilterExpression: { index: { $gt: BSON.Long.fromInt(5) } },
      },
      { name: 'words', key: { name: 'text' }, default_language: 'none' },
    ],
  });
  await db.collection('big').insertMany([{ bytes: Buffer.alloc(16_700_000, 7) }, { small: 1 }]);
  await db.createCollection('capped', { capped: true, size: 100_000, max: 50 });
  await db.collection('capped').insertMany(Array.from({ length: 80 }, (_, line) => ({ line })));
  await db.createCollection('french', { collation: { locale: 'fr' } });
  await db.collection('french').createIndex({ name: 1 }, { collation: { locale: 'simple' } });
  await db.collection('french').createIndex({ other: 1 });
  await db.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true } });
  await db.createCollection('empty', { validator: { pattern: { $not: /^a"b\\/i } } });
  await db.createCollection('few', {
    viewOn: 'many',
    pipeline: [
      {
        $sort: new Map([
          ['9', 1],
          ['1', -1],
        ]),
      },
    ] as never,
  });
  await db.collection('carts').createIndex({ at: 1 }, { expireAfterSeconds: 3_600 });
  await db.createCollection('visits', { timeseries: { timeField: 'at', metaField: 'page' } });
  const visits = Array.from({ length: 100 }, (_, index) => ({
    at: new Date(1e12 + index * 6e4),
    page: index % 3,
  }));
  await db.collection('visits').insertMany(visits);
  const odd = new RawDocuments(1_000);
  for (const document of ODD) odd.add(document);
  await db.command({ insert: 'odd', documents: odd });
}

/** Documents that a driver which decodes them would change: a name twice, names like numbers, types of long ago. */
const ODD: readonly Buffer[] = [
  bson('10 5f696400 01000000', '10 6100 01000000', '10 6100 02000000'),
  bson('10 5f696400 02000000', '10 323000 01000000', '10 3100 02000000'),
  bson('10 5f696400 03000000', '06 7500'),
  bson('10 5f696400 04000000', '0e 7300 02000000 7800'),
  bson('10 5f696400 05000000', '0c 7000 02000000 6300 000000000000000000000001'),
  bson('10 5f696400 06000000', '01 6e00 0100000000 00f87f'),
  bson('10 5f696400 07000000', '01 6e00 0000000000000080'),
  bson('10 5f696400 08000000', '11 7400 0000000000000000'),
];

function bson(...members: string[]): Buffer {
  const body = Buffer.from(members.join('').replaceAll(' ', ''), 'hex');
  const document = Buffer.concat([Buffer.alloc(4), body, Buffer.of(0)]);
  document.writeInt32LE(document.length);
  return document;
}

async function dumped(engine: DumpEngine, db: Db, selection: Partial<DumpSelection> = {}): Promise<Buffer> {
  const { signal } = new AbortController();
  const dump = await openDump(await engine.source({ database: db.databaseName, ...selection }), signal);
  const [bytes] = await Promise.all([buffer(dump.archive), dump.finished]);
  return bytes;
}

async function loaded(
  engine: DumpEngine,
  archive: Buffer,
  from: Db,
  to: Db,
  summary: Pick<ArchiveSummary, 'namespaces'>,
  prefix = '',
): Promise<number> {
  const { signal } = new AbortController();
  const load = await engine.load(selectionOf(from, to, summary, prefix), signal);
  const pieces = Array.from({ length: Math.ceil(archive.length / 100_000) }, (_, index) =>
    archive.subarray(index * 100_000, (index + 1) * 100_000),
  );
  const [fed, ended] = await Promise.allSettled([
    pipeline(Readable.from(pieces), load.archive),
    load.finished,
  ]);
  if (ended.status === 'rejected') throw ended.reason;
  if (fed.status === 'rejected') throw fed.reason;
  return ended.value;
}

function selectionOf(from: Db, to: Db, { namespaces }: Pick<ArchiveSummary, 'namespaces'>, prefix = '') {
  return {
    namespaces: namespaces.map(({ database, collection }) => ({ database, collection })),
    into: new Map([[from.databaseName, { database: to.databaseName, prefix }]]),
    unchecked: false,
  };
}

function summaryOf(archive: Buffer): ArchiveSummary {
  const reader = new ArchiveReader();
  reader.write(archive);
  return reader.end();
}

function sorted({ namespaces }: ArchiveSummary) {
  return namespaces
    .map(({ metadata, ...rest }) => ({ ...rest, metadata: metadata.replaceAll(/E\+?/g, 'e+') }))
    .toSorted((a, b) => (a.collection < b.collection ? -1 : 1));
}

/** All but the names of the databases, the identities of the collections and the order of documents. */
function contents(summary: ArchiveSummary) {
  return sorted(summary).map(({ collection, dataCollection, type, documents, bytes, metadata }) => ({
    collection,
    dataCollection,
    type,
    documents,
    bytes,
    definition: definitionOf(metadata),
  }));
}

function checksum({ namespaces }: ArchiveSummary, of: string): string | undefined {
  return namespaces.find(({ collection }) => collection === of)?.crc64;
}

/** As text with the order of keys in it; mongorestore builds indexes in an order of its own. */
function definitionOf(metadata: string): unknown {
  const { uuid: _, indexes, ...rest } = Object.fromEntries(fromExtendedJson(metadata));
  const text = (value: unknown): string => inspect(value, { depth: 20 });
  return [text(rest), ...(indexes as unknown[]).map(text).toSorted()];
}
