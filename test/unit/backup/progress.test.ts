import { describe, expect, it } from 'vitest';
import { checkRoom, neededBytes } from '../../../src/backup/create/room.js';
import { type ArchiveCounts, calm, describeProgress } from '../../../src/backup/progress.js';
import type { BackupStorage } from '../../../src/backup/storage/backup-storage.js';

const counts: ArchiveCounts = {
  documents: 30,
  bytes: 300,
  namespace: 'shop.products',
  running: [{ namespace: 'shop.products', documents: 20, bytes: 250 }],
  done: 1,
  all: 3,
};
const totals = new Map([
  ['shop.orders', { documents: 10, bytes: 50 }],
  ['shop.products', { documents: 80, bytes: 950 }],
]);

describe('progress', () => {
  it('tells documents, bytes, percent, each collection under way, and how long it will take', () => {
    expect(describeProgress('dump', counts, totals, 6_000)).toEqual({
      phase: 'dump',
      namespace: 'shop.products',
      documents: 30,
      bytes: 300,
      totalDocuments: 90,
      totalBytes: 1_000,
      percent: 30,
      secondsLeft: 14,
      collections: [
        { namespace: 'shop.products', documents: 20, bytes: 250, totalDocuments: 80, totalBytes: 950 },
      ],
      collectionsDone: 1,
      totalCollections: 3,
    });
  });

  it('leaves out what is not known: the whole, or a pace', () => {
    const blind = describeProgress('dump', counts, undefined, 6_000);
    expect(blind.percent ?? blind.secondsLeft ?? blind.totalBytes).toBeUndefined();
    expect(describeProgress('dump', counts, totals, 999).secondsLeft).toBeUndefined();
    expect(describeProgress('dump', { ...counts, bytes: 0 }, new Map(), 9_000).percent).toBe(0);
  });

  it('is below 100 until the end, and 100 then, however wrong the estimate was', () => {
    expect(describeProgress('dump', { ...counts, bytes: 5_000 }, totals, 1).percent).toBe(99.9);
    expect(describeProgress('dump', { ...counts, done: 3 }, totals, 1).percent).toBe(100);
  });

  it('is told seldom, at the end always, and to no harm', () => {
    const seen: number[] = [];
    const report = calm(({ documents }) => {
      seen.push(documents);
      throw new Error('a bug');
    });
    for (let documents = 0; documents <= 1_000; documents++)
      report(() => describeProgress('dump', { ...counts, documents }, totals, 1), documents === 1_000);
    expect(seen).toEqual([0, 1_000]);
  });
});

describe('the room for a backup', () => {
  it('is reckoned by the backup before, else so low that none is refused that would fit', () => {
    expect(neededBytes(1_000, 'none', undefined)).toBe(1_000);
    expect(neededBytes(1_000, 'gzip', undefined)).toBe(20);
    expect(neededBytes(1_000, 'gzip', { codec: 'gzip', bytes: 30, plainBytes: 100 })).toBe(270);
    expect(neededBytes(1_000, 'zstd', { codec: 'gzip', bytes: 30, plainBytes: 100 })).toBe(20);
    expect(neededBytes(1_000, 'zstd', { codec: 'zstd', bytes: 0, plainBytes: 0 })).toBe(20);
  });

  it('is checked where the storage knows its own', async () => {
    const check = (free: number | undefined, codec: 'none' | 'gzip'): Promise<void> =>
      checkRoom(
        { location: 'here', freeBytes: () => Promise.resolve(free) } as BackupStorage,
        totals,
        codec,
        () => Promise.resolve(undefined),
      );
    await check(undefined, 'none');
    await check(1_000, 'none');
    await check(20, 'gzip');
    await expect(check(999, 'none')).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await expect(check(19, 'gzip')).rejects.toMatchObject({ code: 'STORAGE_FULL' });
  });
});
