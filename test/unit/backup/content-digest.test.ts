import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArchiveReader } from '../../../src/backup/archive/archive-reader.js';
import { ContentDigest } from '../../../src/backup/archive/content-digest.js';
import { archive, flat } from './archive-bytes.js';

const documents = fc.array(fc.record({ a: fc.string(), b: fc.integer() }).map(flat), { maxLength: 20 });

function digestOf(all: readonly Buffer[]): string {
  const digest = new ContentDigest();
  for (const one of all) digest.document(one);
  return digest.digest();
}

describe('the digest of the contents of a collection', () => {
  it('is the same in whatever order the documents come', () => {
    fc.assert(
      fc.property(
        documents.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        ([all, shuffled]) => {
          expect(digestOf(shuffled)).toBe(digestOf(all));
        },
      ),
    );
  });

  it('is another one when a document is missing, is there twice, or differs in one bit', () => {
    const rose = flat({ name: 'rose' });
    const tulip = flat({ name: 'tulip' });
    const other = Buffer.from(rose);
    other[12]! ^= 1;
    const all = [
      [],
      [rose],
      [tulip],
      [rose, tulip],
      [rose, rose],
      [rose, rose, tulip],
      [other],
      [other, other],
    ];
    expect(new Set(all.map(digestOf)).size).toBe(all.length);
  });

  it('does not depend on the pieces in which an archive comes', () => {
    const segments = [[flat({ name: 'rose'.repeat(50) }), flat({ name: 'tulip' })], [flat({ name: 'fern' })]];
    const bytes = archive([{ db: 'shop', collection: 'flowers', segments }]);
    for (let size = 1; size < bytes.length; size += 3) {
      const reader = new ArchiveReader(() => new ContentDigest());
      for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size));
      expect(reader.end().namespaces[0]?.contents).toBe(digestOf(segments.flat()));
    }
  });
});
