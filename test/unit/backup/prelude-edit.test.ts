import { describe, expect, it } from 'vitest';
import { ArchiveReader } from '../../../src/backup/archive/archive-reader.js';
import { PreludeEdit } from '../../../src/backup/archive/prelude-edit.js';
import { archive, flat } from './archive-bytes.js';

const metadata = '{"options":{},"indexes":[{"name":"ü"}]}';
const made = (text: string): Buffer =>
  archive([
    { db: 'shop', collection: 'flowers', metadata: text, segments: [[flat({ a: 1 })], [flat({ b: 'x' })]] },
    {
      db: 'shop',
      collection: 'visits',
      type: 'timeseries',
      metadata: '',
      dataCollection: 'system.buckets.visits',
    },
  ]);

describe('what an archive says about options and indexes', () => {
  it('is changed for one namespace, and nothing else is, in whatever pieces it comes', async () => {
    const bytes = made(metadata);
    for (const size of [1, 2, 7, 64, bytes.length]) {
      const edit = new PreludeEdit(({ collection }, text) =>
        collection === 'flowers' ? 'quite another' : text,
      );
      const out = edit.toArray();
      for (let at = 0; at < bytes.length; at += size) edit.write(bytes.subarray(at, at + size));
      edit.end();
      const changed = Buffer.concat(await out);
      expect(changed).toEqual(made('quite another'));
      const reader = new ArchiveReader();
      reader.write(changed);
      expect(reader.end().namespaces[0]?.metadata).toBe('quite another');
    }
  });

  it('goes on as it came when nothing is to be changed, even where there is no archive', async () => {
    for (const bytes of [made(metadata), Buffer.alloc(0), Buffer.from('no archive')]) {
      const edit = new PreludeEdit((_, text) => text);
      edit.end(bytes);
      expect(Buffer.concat(await edit.toArray())).toEqual(bytes);
    }
  });
});
