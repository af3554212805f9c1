import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BackupDraft, BackupError, BackupStorage, StoredBackup } from '../../src/index.js';
import { createBackupService } from '../../src/backup/create-backup-service.js';
import { describeWith, mongo } from '../servers/index.js';
import { backupStorageContract } from './backup-storage.js';

type Objects = ReadonlyMap<string, Buffer>;
interface Shelf {
  readonly backups: Map<string, { manifest: string; objects: Objects }>;
}

/** A storage as somebody else writes it, by what the port says and the package exports. */
class MemoryStorage extends BackupStorage {
  readonly location = 'memory:backups';

  constructor(private readonly shelf: Shelf) {
    super();
  }

  async begin(id: string): Promise<BackupDraft> {
    if (this.shelf.backups.has(id)) throw taken(id);
    return new MemoryDraft(this.shelf, id);
  }

  async list(): Promise<readonly string[]> {
    return [...this.shelf.backups.keys()];
  }

  async open(id: string): Promise<StoredBackup> {
    if (!this.shelf.backups.has(id)) throw notFound(id);
    return new MemoryBackup(this.shelf, id);
  }

  async delete(id: string): Promise<void> {
    if (!this.shelf.backups.delete(id)) throw notFound(id);
  }

  async removeLeftovers(): Promise<readonly string[]> {
    return []; // what a process that died had in memory is gone
  }
}

class MemoryDraft extends BackupDraft {
  private readonly objects = new Map<string, Buffer>();

  constructor(
    private readonly shelf: Shelf,
    private readonly id: string,
  ) {
    super();
  }

  async write(name: string, content: Readable): Promise<void> {
    const parts: unknown[] = await content.toArray();
    this.objects.set(name, Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))));
  }

  async commit(manifest: string): Promise<StoredBackup> {
    if (this.shelf.backups.has(this.id)) throw taken(this.id);
    this.shelf.backups.set(this.id, { manifest, objects: this.objects });
    return new MemoryBackup(this.shelf, this.id);
  }

  async discard(): Promise<void> {
    this.objects.clear();
  }
}

class MemoryBackup extends StoredBackup {
  readonly location: string;

  constructor(
    private readonly shelf: Shelf,
    private readonly id: string,
  ) {
    super();
    this.location = `memory:backups/${id}`;
  }

  async manifest(): Promise<string | undefined> {
    return this.shelf.backups.get(this.id)?.manifest;
  }

  async size(name: string): Promise<number | undefined> {
    return this.shelf.backups.get(this.id)?.objects.get(name)?.length;
  }

  async read(name: string): Promise<Readable> {
    const bytes = this.shelf.backups.get(this.id)?.objects.get(name);
    if (!bytes) throw new BackupError('BACKUP_DAMAGED', { problem: `It has no ${name}` });
    return Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false });
  }
}

function taken(id: string): BackupError {
  return new BackupError('STORAGE_UNUSABLE', { problem: `Something is already at ${id}` });
}

function notFound(id: string): BackupError {
  return new BackupError('BACKUP_NOT_FOUND', { problem: `There is no backup ${id}` });
}

describe("a storage of one's own", () => {
  backupStorageContract(async () => {
    const shelf: Shelf = { backups: new Map() };
    return { storage: new MemoryStorage(shelf), again: () => new MemoryStorage(shelf) };
  });
});

describeWith('mongo', "backups in a storage of one's own", () => {
  it('are made, listed, verified, restored and deleted like all others', async () => {
    const uri = mongo();
    const { MongoClient } = (await import('mongoose')).default.mongo;
    const client = await MongoClient.connect(uri);
    const service = await createBackupService({
      uri,
      engine: 'driver',
      storage: new MemoryStorage({ backups: new Map() }),
    });
    try {
      const flowers = client.db().collection('flowers');
      await flowers.insertMany([{ name: 'rose' }, { name: 'iris' }]);
      const { id, location } = await service.createBackup();
      expect(location).toBe(`memory:backups/${id}`);
      expect(await service.listBackups()).toMatchObject([{ id, status: 'good' }]);
      expect(await service.verifyBackup(id)).toMatchObject({ good: true, documents: 2 });
      await flowers.drop();
      await service.restoreBackup('latest');
      expect(await flowers.countDocuments()).toBe(2);
      await service.deleteBackup(id);
      expect(await service.listBackups()).toEqual([]);
    } finally {
      await service.close();
      await client.close();
    }
  });
});
