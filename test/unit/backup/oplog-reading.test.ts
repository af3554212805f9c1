import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { EntryStream } from '../../../src/backup/oplog/entry-stream.js';
import { exactDocument } from '../../../src/backup/engine/exact-bson.js';
import { OplogCatalogue } from '../../../src/backup/oplog/oplog-catalogue.js';
import type { ReplayStep } from '../../../src/backup/oplog/oplog-entry.js';
import { OplogReading } from '../../../src/backup/oplog/oplog-reading.js';
import { rawFields, rawWithout } from '../../../src/backup/oplog/raw-document.js';

const { BSON } = mongoose.mongo;
type Entry = Record<string, unknown>;

let clock = 0;

function bytesOf(entry: Entry): Buffer {
  return Buffer.from(BSON.serialize({ ts: new BSON.Timestamp({ t: 1_700_000_000, i: ++clock }), ...entry }));
}

function reading(): OplogReading {
  const metadata = '{"options":{},"indexes":[{"name":"_id_"},{"name":"number_1"}]}';
  return new OplogReading(
    new OplogCatalogue([
      { database: 'shop', collection: 'orders', type: 'collection', metadata },
      { database: 'shop', collection: 'cheap', type: 'view', metadata: '' },
      { database: 'shop', collection: 'visits', type: 'timeseries', metadata: '' },
    ]),
  );
}

/** What the entries ask for, in short. */
function ask(log: OplogReading, ...entries: Entry[]): string[] {
  return entries.flatMap((entry) => log.read(bytesOf(entry))).map(shortly);
}

function shortly(step: ReplayStep): string {
  return `${step.kind === 'write' ? step.op : step.kind} ${step.database}.${step.collection}`;
}

const insert = (ns: string): Entry => ({ op: 'i', ns, o: { _id: 1 } });
const command = (o: Entry, more: Entry = {}): Entry => ({ op: 'c', ns: 'shop.$cmd', o, ...more });
const lsid = { id: new BSON.UUID('5f0c1e7a-4711-4392-8aaa-00000000000a') };
const inTransaction = { lsid, txnNumber: BSON.Long.fromNumber(7), ns: 'admin.$cmd' };
const part = (ns: string, more: Entry = {}): Entry =>
  command({ applyOps: [insert(ns), insert(ns)], ...more }, inTransaction);

describe('the log of a replica set', () => {
  it('is read from its first moment to its last', () => {
    clock = 0;
    const log = reading();
    ask(log, { op: 'n', ns: '', o: { msg: 'periodic noop' } }, insert('shop.orders'), insert('shop.orders'));
    expect(log).toMatchObject({
      entries: 3,
      from: { t: 1_700_000_000, i: 1 },
      to: { t: 1_700_000_000, i: 3 },
    });
  });

  it('asks for writes, those of time series included, and leaves out what no backup holds', () => {
    const log = reading();
    const update = { op: 'u', ns: 'shop.orders', o2: { _id: 1 }, o: { $v: 2, diff: { u: { a: 1 } } } };
    expect(
      ask(
        log,
        { op: 'n', ns: '', o: {} },
        insert('shop.orders'),
        update,
        { op: 'd', ns: 'shop.orders', o: { _id: 1 } },
        insert('shop.system.buckets.visits'),
        insert('config.system.indexBuilds'),
        insert('admin.system.users'),
        insert('shop.flora_backup.locks'),
        insert('flora_trial-5f0c1e7a-4711-83920-00000000.orders'),
        insert('shop.flora_restore.5f0c1e7a-4711-83920.00000000.orders'),
      ),
    ).toEqual(['i shop.orders', 'u shop.orders', 'd shop.orders', 'i shop.system.buckets.visits']);
    log.end();
  });

  it('asks for a transaction when it was committed, in whatever pieces it came, and for no other', () => {
    const log = reading();
    expect(ask(log, part('shop.orders', { partialTxn: true }), insert('shop.orders'))).toEqual([
      'i shop.orders',
    ]);
    expect(ask(log, part('shop.orders', { count: BSON.Long.fromNumber(4) }))).toHaveLength(4);
    expect(ask(log, part('shop.orders', { prepare: true }))).toEqual([]);
    expect(ask(log, command({ commitTransaction: 1 }, inTransaction))).toHaveLength(2);
    expect(ask(log, part('shop.orders', { prepare: true }))).toEqual([]);
    expect(ask(log, command({ abortTransaction: 1 }, inTransaction))).toEqual([]);
    expect(ask(log, part('shop.orders', { partialTxn: true }))).toEqual([]);
    expect(ask(log, part('shop.orders'))).toHaveLength(4);
    log.end();
  });

  it('is followed in what it makes, drops and changes', () => {
    const log = reading();
    expect(
      ask(
        log,
        command({ create: 'orders' }),
        command({ create: 'carts' }),
        insert('shop.carts'),
        command({ createIndexes: 'carts', v: 2, key: { a: 1 }, name: 'a_1' }),
        command({ collMod: 'carts', index: { name: 'a_1', hidden: true } }),
        command({ startIndexBuild: 'carts', indexes: [{ key: { b: 1 }, name: 'b_1' }] }),
        command({ commitIndexBuild: 'carts', indexes: [{ key: { b: 1 }, name: 'b_1' }] }),
        command({ dropIndexes: 'orders', index: 'number_1' }),
        command({ collMod: 'orders', validator: { a: 1 } }),
        command({ collMod: 'carts', index: { name: 'a_1', hidden: false }, validator: { a: 1 } }),
        command({ startIndexBuild: 'carts', indexes: [{ key: { c: 1 }, name: 'c_1' }] }),
        command({ abortIndexBuild: 'carts', indexes: [{ key: { c: 1 }, name: 'c_1' }] }),
        command({ create: 'system.views', idIndex: { v: 2, key: { _id: 1 }, name: '_id_' } }),
        { op: 'd', ns: 'shop.system.views', o: { _id: 'shop.cheap' } },
        { op: 'i', ns: 'shop.system.views', o: { _id: 'shop.dear', viewOn: 'orders', pipeline: [] } },
        command({ create: 'short' }),
        command({ drop: 'short' }),
      ),
    ).toEqual([
      'create shop.carts',
      'i shop.carts',
      'change shop.orders',
      'change shop.carts',
      'create shop.short',
      'drop shop.short',
    ]);
    expect(
      log.catalogue.all().map(({ type, collection, indexes }) => [type, collection, [...indexes.keys()]]),
    ).toEqual([
      ['collection', 'orders', []],
      ['timeseries', 'visits', []],
      ['collection', 'carts', ['a_1', 'b_1']],
      ['view', 'dear', []],
    ]);
    log.end();
  });

  it('takes back an index that was being built when the dump looked, and was given up', () => {
    const log = reading();
    ask(log, command({ abortIndexBuild: 'orders', indexes: [{ key: { number: 1 }, name: 'number_1' }] }));
    expect([...log.catalogue.find('shop', 'orders')!.indexes.keys()]).toEqual([]);
  });

  it('may speak of what was dropped before the dump looked', () => {
    const log = reading();
    expect(ask(log, insert('shop.gone'), command({ drop: 'gone' }))).toEqual([]);
    log.end();
    ask(log, insert('away.gone'));
    expect(() => log.end()).toThrow('writes to away.gone');
  });

  it.each<[string, Entry]>([
    ['a rename', command({ renameCollection: 'shop.a', to: 'shop.b' })],
    ['what it does not know', command({ convertToCapped: 'orders', size: 1 })],
    ['a kind of entry it does not know', { op: 'xi', ns: 'shop.orders', o: { _id: 1 } }],
    ['a new time series', command({ create: 'system.buckets.new', timeseries: { timeField: 'at' } })],
    ['a time series that is dropped', command({ drop: 'system.buckets.visits' })],
    ['a view that is changed', { op: 'u', ns: 'shop.system.views', o: { _id: 'shop.cheap' } }],
    ['a transaction without its beginning', part('shop.orders', { count: BSON.Long.fromNumber(9) })],
    ['a commit without a transaction', command({ commitTransaction: 1 }, inTransaction)],
    ['a write without a document', { op: 'i', ns: 'shop.orders', o: 7 }],
    [
      'an index that is changed and not there',
      command({ collMod: 'orders', index: { name: 'none', hidden: true } }),
    ],
  ])('is refused where it has %s', (_, entry) => {
    expect(() => ask(reading(), entry)).toThrow();
  });

  it('is refused where its bytes are no documents, and never read past their end', () => {
    const entry = bytesOf(insert('shop.orders'));
    expect(() => reading().read(Buffer.alloc(0))).toThrow();
    for (let at = 0; at < entry.length; at++)
      for (const byte of [0, 1, 2, 0x7f, 0xff]) {
        const changed = Buffer.from(entry);
        changed[at] = byte;
        try {
          for (const step of reading().read(changed)) expect(step.database.length).toBeLessThan(entry.length);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
  });

  it('is told entry by entry, in whatever pieces it comes', async () => {
    const entries = ['a', 'b'.repeat(99), 'c'].map((text) => bytesOf({ op: 'n', ns: '', o: { text } }));
    const all = Buffer.concat(entries);
    for (const size of [1, 3, 50, all.length]) {
      const seen: Buffer[] = [];
      const stream = new EntryStream((entry) => void seen.push(Buffer.from(entry)));
      for (let at = 0; at < all.length; at += size) stream.write(all.subarray(at, at + size));
      await new Promise<void>((done) => stream.end(done));
      expect(seen).toEqual(entries);
    }
  });
});

describe('a document that goes on unchanged', () => {
  it('does so to the bit, or is said not to', () => {
    const kept = BSON.serialize({
      _id: new BSON.ObjectId(),
      int: 1,
      double: new BSON.Double(1),
      long: BSON.Long.fromNumber(1),
      decimal: BSON.Decimal128.fromString('1.10'),
      date: new Date(),
      text: /a/i,
      nested: new Map<string, unknown>([
        ['z', 1],
        [
          '10',
          [
            new Map([
              ['b', 1],
              ['2', null],
            ]),
          ],
        ],
        ['9', new BSON.Binary(Buffer.from('x'))],
      ]),
      __proto__x: 1,
    });
    const exact = exactDocument(Buffer.from(kept));
    expect(exact && Buffer.from(BSON.serialize(exact))).toEqual(Buffer.from(kept));
    const twice = Buffer.from(BSON.serialize({ a: 1, b: 2 }));
    twice[twice.indexOf('b')] = 'a'.charCodeAt(0);
    expect(exactDocument(twice)).toBeUndefined();
  });

  it('loses only the fields that it is to lose', () => {
    const document = Buffer.from(BSON.serialize({ a: 'x', expireAfterSeconds: 1, b: { c: [1] }, d: /x/ }));
    expect(rawWithout(document, ['expireAfterSeconds'])).toEqual(
      Buffer.from(BSON.serialize({ a: 'x', b: { c: [1] }, d: /x/ })),
    );
    expect([...rawFields(document).keys()]).toEqual(['a', 'expireAfterSeconds', 'b', 'd']);
  });
});
