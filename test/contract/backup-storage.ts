import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BackupStorage } from '../../src/backup/storage/backup-storage.js';

const BIG = randomBytes(3 * 1024 * 1024);

/**
 * What every BackupStorage promises.
 *
 * @param make an empty storage, and others over the same place
 * @param isExclusive false where the server behind lets several have what only one may: moto looks first and stores then
 */
export function backupStorageContract(
  make: () => Promise<{ storage: BackupStorage; again: () => BackupStorage }>,
  isExclusive = true,
): void {
  let storage: BackupStorage;
  let again: () => BackupStorage;

  beforeEach(async () => {
    ({ storage, again } = await make());
  });

  const store = async (id: string, content = 'bytes'): Promise<void> => {
    const draft = await storage.begin(id);
    await draft.write('archive', Readable.from([Buffer.from(content)]));
    await draft.commit(`{"of":"${id}"}`);
  };

  describe('a backup', () => {
    it('is there for everyone once it is committed, with all that was written', async () => {
      const draft = await storage.begin('one');
      await draft.write('archive', Readable.from(chunksOf(BIG)));
      const committed = await draft.commit('the manifest');

      for (const stored of [committed, await storage.open('one'), await again().open('one')]) {
        expect(await stored.manifest()).toBe('the manifest');
        expect(await stored.size('archive')).toBe(BIG.length);
        expect(await bytesOf(await stored.read('archive'))).toSatisfy((bytes: Buffer) => bytes.equals(BIG));
        expect(await stored.size('else')).toBeUndefined();
        await expect(stored.read('else')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
        expect(stored.location).toContain('one');
      }
      expect(await storage.list()).toEqual(['one']);
    });

    it('is not there before, nor after it was discarded', async () => {
      const draft = await storage.begin('one');
      await draft.write('archive', Readable.from([BIG]));
      for (const eye of [storage, again()]) {
        expect(await eye.list()).toEqual([]);
        await expect(eye.open('one')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
      }

      await draft.discard();

      expect(await again().list()).toEqual([]);
      await store('one');
      expect(await storage.list()).toEqual(['one']);
    });

    it('may hold an empty object', async () => {
      const draft = await storage.begin('one');
      await draft.write('archive', Readable.from([]));
      const stored = await draft.commit('');
      expect(await stored.size('archive')).toBe(0);
      expect(await bytesOf(await stored.read('archive'))).toEqual(Buffer.alloc(0));
    });

    it('does not get an object whose content ends with an error, which is handed on', async () => {
      const draft = await storage.begin('one');
      const broken = Readable.from(
        (async function* () {
          yield BIG;
          throw new Error('the dump failed');
        })(),
      );
      await expect(draft.write('archive', broken)).rejects.toThrow('the dump failed');
      const stored = await draft.commit('only a manifest');
      expect(await stored.size('archive')).toBeUndefined();
    });

    it('never takes the place of another', async () => {
      await store('one', 'first');
      const taken = async (): Promise<void> => {
        const draft = await storage.begin('one');
        try {
          await draft.write('archive', Readable.from(['second']));
          await draft.commit('second');
        } finally {
          await draft.discard();
        }
      };
      await expect(taken()).rejects.toThrow();
      expect(await bytesOf(await (await storage.open('one')).read('archive'))).toEqual(Buffer.from('first'));
    });

    it('is made beside others at the same time', async () => {
      const ids = Array.from({ length: 8 }, (_, index) => `id-${index}`);
      await Promise.all(ids.map((id) => store(id, id)));
      expect((await again().list()).toSorted()).toEqual(ids);
      for (const id of ids)
        expect(await bytesOf(await (await storage.open(id)).read('archive'))).toEqual(Buffer.from(id));
    });
  });

  describe('delete', () => {
    it('removes one and leaves the others', async () => {
      await store('one');
      await store('two');
      await storage.delete('one');
      expect(await again().list()).toEqual(['two']);
      await expect(storage.open('one')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
      await expect(storage.delete('one')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
      await store('one', 'again');
      expect((await storage.list()).toSorted()).toEqual(['one', 'two']);
    });

    it('of one backup, asked for many times at once, succeeds once', async () => {
      await store('one');
      const results = await Promise.allSettled(Array.from({ length: 5 }, () => again().delete('one')));
      const winners = results.filter(({ status }) => status === 'fulfilled').length;
      expect(isExclusive ? winners : Math.min(winners, 1)).toBe(1);
      expect(await storage.list()).toEqual([]);
    });
  });

  describe('removing leftovers', () => {
    it('leaves drafts alone that this process works on, and backups', async () => {
      await store('done');
      const draft = await storage.begin('open');
      await draft.write('archive', Readable.from(['bytes']));

      expect(await storage.removeLeftovers()).toEqual([]);
      expect(await again().removeLeftovers()).toEqual([]);

      await draft.commit('manifest');
      expect((await storage.list()).toSorted()).toEqual(['done', 'open']);
    });
  });

  it('is empty where nothing was stored yet', async () => {
    expect(await storage.list()).toEqual([]);
    expect(await storage.removeLeftovers()).toEqual([]);
    await expect(storage.open('one')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    await expect(storage.delete('one')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
  });
}

export async function bytesOf(stream: Readable): Promise<Buffer> {
  return Buffer.concat(await stream.toArray());
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}
