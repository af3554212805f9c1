import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArchiveReader } from '../../../src/backup/archive/archive-reader.js';
import { type ArchiveSummary, readMetadata } from '../../../src/backup/archive/archive-summary.js';
import { archive, flat, int32, TERMINATOR } from './archive-bytes.js';

const rose = flat({ name: 'rose', price: 3 });
const tulip = flat({ name: 'tulip', price: 2, long: 1n, sold: true });

const shop = archive([
  { db: 'shop', collection: 'products', segments: [[rose, tulip], [rose]] },
  { db: 'shop', collection: 'orders', segments: [[tulip]] },
  { db: 'shop', collection: 'empty' },
  { db: 'shop', collection: 'cheap', type: 'view' },
  {
    db: 'shop',
    collection: 'visits',
    type: 'timeseries',
    dataCollection: 'system.buckets.visits',
    segments: [[rose]],
  },
]);

describe('reading an archive', () => {
  it('keeps nothing of a chunk that it has read, wherever the chunks are cut', () => {
    const whole = read(shop);
    for (let cut = 1; cut < shop.length; cut++) {
      const reader = new ArchiveReader();
      for (const part of [shop.subarray(0, cut), shop.subarray(cut)]) {
        const chunk = new Uint8Array(part);
        reader.write(Buffer.from(chunk.buffer));
        structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
      }
      expect(reader.end()).toEqual(whole);
    }
  });

  it('counts the documents and bytes of every namespace, over interleaved segments', () => {
    const { namespaces, serverVersion, toolVersion } = read(shop);

    expect({ serverVersion, toolVersion }).toEqual({ serverVersion: '6.0.5', toolVersion: '100.18.0' });
    expect(
      namespaces.map(({ collection, type, documents, bytes }) => [collection, type, documents, bytes]),
    ).toEqual([
      ['products', 'collection', 3, 2 * rose.length + tulip.length],
      ['orders', 'collection', 1, tulip.length],
      ['empty', 'collection', 0, 0],
      ['cheap', 'view', 0, 0],
      ['visits', 'timeseries', 1, rose.length],
    ]);
    expect(namespaces.at(-1)?.dataCollection).toBe('system.buckets.visits');
    expect(namespaces[2]?.crc64).toBe('0000000000000000');
  });

  it('gives the same answer however the bytes are cut into chunks', () => {
    const whole = read(shop);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        expect(read(shop, sizes)).toEqual(whole);
      }),
    );
  });

  it('accepts an archive without any namespace, which is what a misspelt database gives', () => {
    expect(read(archive([])).namespaces).toEqual([]);
  });

  it('refuses an archive cut at any byte', () => {
    for (let length = 0; length < shop.length; length++)
      expect(() => read(shop.subarray(0, length)), `cut at ${length}`).toThrow(
        /no complete mongodump archive/,
      );
  });

  it('refuses anything after the end', () => {
    for (const tail of [Buffer.alloc(1), Buffer.alloc(64), TERMINATOR, shop, Buffer.from('garbage')])
      expect(() => read(Buffer.concat([shop, tail]))).toThrow(/no complete mongodump archive/);
  });

  it('finds every flipped bit in a document', () => {
    const start = shop.indexOf(rose);
    for (let bit = 0; bit < rose.length * 8; bit++) {
      const damaged = Buffer.from(shop);
      damaged[start + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(() => read(damaged), `bit ${bit}`).toThrow(/no complete mongodump archive/);
    }
  });

  it.each([
    ['documents in another order', [tulip, rose], [rose, tulip]],
    ['a document removed', [rose, tulip], [rose]],
    ['a document doubled', [rose], [rose, rose]],
  ])('finds %s', (_, stored, found) => {
    const bytes = archive([{ db: 'a', collection: 'b', segments: [stored] }]);
    const at = bytes.indexOf(Buffer.concat(stored));
    const end = at + Buffer.concat(stored).length;
    const changed = Buffer.concat([bytes.subarray(0, at), ...found, bytes.subarray(end)]);

    expect(() => read(changed)).toThrow(/checksum of a.b is wrong/);
  });

  it('finds a namespace that is declared but has no data, and data that is not declared', () => {
    const declared = archive([{ db: 'a', collection: 'b' }]);
    const prelude = declared.subarray(0, declared.indexOf(TERMINATOR) + 4);
    expect(() => read(prelude)).toThrow(/1 of its namespaces have no end/);

    const stray = Buffer.concat([
      declared,
      flat({ db: 'a', collection: 'c', EOF: true, CRC: 0n }),
      TERMINATOR,
    ]);
    expect(() => read(stray)).toThrow(/a.c is not declared/);
  });

  it('finds a namespace that goes on after its end', () => {
    const bytes = archive([{ db: 'a', collection: 'b', segments: [[rose]] }]);
    const more = Buffer.concat([
      bytes,
      flat({ db: 'a', collection: 'b', EOF: false, CRC: 0n }),
      rose,
      TERMINATOR,
    ]);
    expect(() => read(more)).toThrow(/goes on after its end/);

    const inside = Buffer.concat([bytes.subarray(0, -4), rose, TERMINATOR]);
    expect(() => read(inside)).toThrow(/goes on after its end/);
  });

  it.each([
    ['another format version', flat({ version: '0.2' })],
    ['a header that is no document', int32(3)],
    ['a header of 4 GB', int32(0xfffffff0)],
    ['a field of a type that does not belong', Buffer.from([12, 0, 0, 0, 10, 97, 0, 0, 0, 0, 0, 0])],
    ['a string longer than its document', Buffer.from([16, 0, 0, 0, 2, 97, 0, 255, 0, 0, 0, 97, 0, 0, 0, 0])],
    ['a negative string length', Buffer.from([16, 0, 0, 0, 2, 97, 0, 255, 255, 255, 255, 97, 0, 0, 0, 0])],
  ])('refuses %s', (_, header) => {
    expect(() => read(Buffer.concat([int32(0x8199e26d), header, Buffer.alloc(16)]))).toThrow(
      /no complete mongodump archive/,
    );
  });

  it('refuses any noise with a typed error, and never hangs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(shop.length), (noise, from) => {
        const bytes = Buffer.concat([shop.subarray(0, from), noise]);
        if (bytes.equals(shop)) return;
        expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
      }),
    );
  });
});

describe('metadata of a namespace', () => {
  it('names the indexes and says whether documents expire', () => {
    const indexes = '"indexes":[{"name":"b_1","expireAfterSeconds":{"$numberInt":"60"}},{"name":"_id_"}]';
    expect(readMetadata(`{${indexes}}`)).toEqual({
      indexes: ['_id_', 'b_1'],
      expires: true,
      validates: false,
    });
    expect(readMetadata('{"options":{"expireAfterSeconds":{"$numberLong":"60"}},"indexes":[]}').expires).toBe(
      true,
    );
    expect(readMetadata('{"options":{},"indexes":[{"name":"_id_"}]}').expires).toBe(false);
    expect(readMetadata('')).toEqual({ indexes: [], expires: false, validates: false });
    expect(readMetadata('{"options":{"validator":{}}}').validates).toBe(true);
  });
});

function read(bytes: Buffer, sizes: number[] = [bytes.length || 1]): ArchiveSummary {
  const reader = new ArchiveReader();
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    reader.write(bytes.subarray(at, at + size));
    at += size;
  }
  return reader.end();
}
