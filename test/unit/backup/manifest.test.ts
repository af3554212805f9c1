import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Manifest, newManifest, readManifest, writeManifest } from '../../../src/backup/manifest.js';

const hash = 'a'.repeat(64);
const manifest = newManifest({
  id: '20260314T020000123Z-9f3ac1d0',
  label: 'spring "sale"',
  createdAt: '2026-03-14T02:00:00.123Z',
  seconds: 1.25,
  source: { database: 'shop', serverVersion: '6.0.5' },
  engine: { name: 'mongodump', version: '100.18.0' },
  archive: { file: 'archive.gz', codec: 'gzip', bytes: 10, sha256: hash, plain: { bytes: 20, sha256: hash } },
  namespaces: [
    {
      database: 'shop',
      collection: 'products',
      type: 'collection',
      dataCollection: 'products',
      documents: 2,
      bytes: 12,
      crc64: '00000000000000ff',
      indexes: ['_id_'],
    },
  ],
});
const text = writeManifest(manifest);

describe('a manifest', () => {
  it('is read as it was written', () => {
    expect(readManifest(text)).toEqual({ status: 'good', manifest });
    expect(manifest.pointInTime).toBe(false);
  });

  it('is damaged or foreign when any bit of it has changed, but for white space', () => {
    const bytes = Buffer.from(text);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const reading = readManifest(changed.toString('utf8'));
      expect(reading.status === 'good' ? reading.manifest : manifest).toEqual(manifest);
    }
  });

  it.each([
    '',
    '{}',
    'null',
    '7',
    '"x"',
    '[]',
    '{"name":"an app","icons":[]}',
    '{"kind":"flora-backup"}',
    '{',
  ])('is never %s', (other) => {
    expect(readManifest(other).status).not.toBe('good');
  });

  it.each<[string, (found: Manifest) => object]>([
    [
      'points out of its folder',
      (found) => ({ ...found, archive: { ...found.archive, file: '../archive' } }),
    ],
    [
      'points at an absolute path',
      (found) => ({ ...found, archive: { ...found.archive, file: '/etc/passwd' } }),
    ],
    ['points at itself', (found) => ({ ...found, archive: { ...found.archive, file: 'manifest.json' } })],
    ['has an id that is a path', (found) => ({ ...found, id: '../x' })],
    ['has no time', (found) => ({ ...found, createdAt: 'soon' })],
    ['counts below nothing', (found) => ({ ...found, archive: { ...found.archive, bytes: -1 } })],
    ['has no namespaces', (found) => ({ ...found, namespaces: undefined })],
    ['has a namespace of nothing', (found) => ({ ...found, namespaces: [null] })],
    ['has an unknown codec', (found) => ({ ...found, archive: { ...found.archive, codec: 'rot13' } })],
    ['is of a newer format', (found) => ({ ...found, format: 2 })],
    ['knows more about time than this version', (found) => ({ ...found, pointInTime: { from: 1, to: 2 } })],
  ])('is not used when it %s, even with the right checksum', (_, change) => {
    expect(readManifest(writeManifest(change(manifest) as Manifest)).status).not.toBe('good');
  });

  describe('of a point in time', () => {
    const range = {
      file: 'archive.gz',
      from: { t: 1, i: 1 },
      to: { t: 2, i: 1 },
      entries: 3,
      bytes: 99,
      crc64: 'ff',
    };
    const statusWith = (ranges: unknown, more: object = {}): string =>
      readManifest(writeManifest({ ...manifest, pointInTime: true, oplog: { ranges }, ...more } as Manifest))
        .status;

    it('is read as it was written', () => {
      const moment = newManifest({ ...manifest, oplog: { ranges: [range] } });
      expect(moment.pointInTime).toBe(true);
      expect(readManifest(writeManifest(moment))).toEqual({ status: 'good', manifest: moment });
    });

    it('is of a newer version where its log goes on elsewhere', () => {
      expect(statusWith([range, { ...range, file: 'oplog-2.gz' }])).toBe('newer');
      expect(statusWith([{ ...range, file: 'oplog-2.gz' }])).toBe('newer');
      expect(statusWith([])).toBe('newer');
      expect(statusWith(undefined)).toBe('newer');
      expect(statusWith([range], { pointInTime: false })).toBe('newer');
      expect(statusWith([range], { oplog: undefined })).toBe('newer');
    });

    it('is not used where its log is none', () => {
      for (const wrong of [
        null,
        7,
        { ...range, from: 'now' },
        { ...range, entries: -1 },
        { ...range, crc64: 7 },
      ])
        expect(statusWith([wrong])).not.toBe('good');
    });
  });

  it('never throws, however deep it goes', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    expect(readManifest(deep).status).toBe('foreign');
    expect(readManifest(`{"kind":"flora-backup","x":${deep}}`).status).toBe('damaged');
  });

  it('of something else is not looked into when it is long', () => {
    expect(readManifest(`[${'{},'.repeat(400_000)}1]`).status).toBe('unreadable');
    const [first] = manifest.namespaces;
    const many = Array.from({ length: 8_000 }, (_, index) => ({ ...first!, collection: `c${index}` }));
    expect(readManifest(writeManifest({ ...manifest, namespaces: many }))).toMatchObject({ status: 'good' });
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(readManifest(json).status).not.toBe('good');
        expect(readManifest(`{"kind":"flora-backup","archive":${json}}`).status).not.toBe('good');
      }),
    );
  });
});
