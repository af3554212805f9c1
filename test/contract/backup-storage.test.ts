import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownerMark } from '../../src/backup/process-owner.js';
import { DiskStorage } from '../../src/backup/storage/disk.storage.js';
import { backupStorageContract } from './backup-storage.js';

let directory: string;
let storage: DiskStorage;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'flora-test-')), 'made', 'when needed');
  storage = new DiskStorage(directory);
});

afterEach(() => rm(join(directory, '../..'), { recursive: true, force: true }));

describe('backups on disk', () => {
  backupStorageContract(async () => ({ storage, again: () => new DiskStorage(directory) }));

  it('are folders that only their owner may enter', async () => {
    await store('one');
    const modes = await Promise.all(
      ['.', 'one', 'one/archive', 'one/manifest.json'].map(
        async (name) => (await stat(join(directory, name))).mode & 0o777,
      ),
    );
    expect(modes).toEqual([0o700, 0o700, 0o600, 0o600]);
    expect(await readdir(directory)).toEqual(['one']);
    expect((await readdir(join(directory, 'one'))).toSorted()).toEqual(['archive', 'manifest.json']);
  });

  it('never follow a symbolic link', async () => {
    await store('one');
    await writeFile(join(directory, 'secret'), 'secret');
    await symlink('one', join(directory, 'link'));
    await rm(join(directory, 'one/archive'));
    await symlink('../secret', join(directory, 'one/archive'));

    await expect(storage.open('link')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await expect(storage.open('secret')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    const stored = await storage.open('one');
    await expect(stored.size('archive')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await expect(stored.read('archive')).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await rm(join(directory, 'one/manifest.json'));
    await symlink('../secret', join(directory, 'one/manifest.json'));
    await expect(stored.manifest()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await expect(storage.delete('link')).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    expect(await readFile(join(directory, 'secret'), 'utf8')).toBe('secret');
  });

  it('are deleted with what belongs to them; what somebody put beside stays', async () => {
    await store('one');
    await writeFile(join(directory, 'one', 'notes.txt'), 'mine');

    await storage.delete('one');

    expect(await readdir(join(directory, 'one'))).toEqual(['notes.txt']);
    expect(await readdir(directory)).toEqual(['one']);
  });

  it('that were being deleted when the process died are deleted by the next', async () => {
    const grave = join(directory, '.deleted~one~0011aabb');
    await mkdir(grave, { recursive: true });
    await writeFile(join(grave, 'archive.gz'), 'rest');

    expect(await storage.list()).toEqual([]);
    expect(await storage.removeLeftovers()).toEqual(['.deleted~one~0011aabb']);
    expect(await readdir(directory)).toEqual([]);
  });

  it('that were being made are removed when their process is known to be dead, and kept when it may live', async () => {
    const [machine, pid, start] = ownerMark().split('-');
    const draft = async (name: string, ageInMinutes = 0): Promise<void> => {
      await mkdir(join(directory, name), { recursive: true });
      await writeFile(join(directory, name, 'archive.tmp'), 'half');
      const time = new Date(Date.now() - ageInMinutes * 60_000);
      await utimes(join(directory, name), time, time);
    };
    const living = [`.draft~here~${machine}-${pid}-${start}`, `.draft~elsewhere~ffffffff-1-1`];
    const dead = [
      `.draft~ended~${machine}-4194304-1`,
      `.draft~restarted~${machine}-${pid}-1`,
      `.draft~lost~ffffffff-1-2`,
    ];
    const foreign = ['.draft~', '.draft~x~y', '.hidden', 'draft'];
    for (const name of [...living, ...foreign]) await draft(name, name.includes('elsewhere') ? 5 : 60);
    for (const name of dead) await draft(name, 60);

    expect((await storage.removeLeftovers()).toSorted()).toEqual(dead.toSorted());

    expect((await readdir(directory)).toSorted()).toEqual([...living, ...foreign].toSorted());
    expect(await storage.list()).toEqual(['draft']);
  });

  it('can not be committed once they were given up', async () => {
    const draft = await storage.begin('one');
    await draft.write('archive', Readable.from(['bytes']));
    const [name] = await readdir(directory);
    await rm(join(directory, name!), { recursive: true });

    await expect(draft.commit('manifest')).rejects.toMatchObject({ code: 'STORAGE_UNUSABLE' });

    await draft.discard();
    expect(await readdir(directory)).toEqual([]);
  });
});

async function store(id: string): Promise<void> {
  const draft = await storage.begin(id);
  await draft.write('archive', Readable.from(['bytes']));
  await draft.commit('manifest');
}
