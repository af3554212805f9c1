import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { DiskStorage } from '../../../src/backup/storage/disk.storage.js';
import type { BackupDraft } from '../../../src/backup/storage/backup-storage.js';
import { describeWith, startOwnMongo } from '../../servers/index.js';
import type { BackupProgress } from '../../../src/backup/progress.js';
import { failureOf, finally_, folder, ground } from './ground.js';

const GONE = /^(SERVER_UNREACHABLE|SERVER_FAILED|LOCK_LOST)$/;

describeWith(['mongo', 'mongod'], 'a server that is killed', () => {
  it.each(['dump', 'load'] as const)(
    'ends a %s by the driver with a typed error, and nothing half done counts',
    async (phase) => {
      const server = await startOwnMongo();
      finally_(() => server.stop());
      const uri = `${server.url}&serverSelectionTimeoutMS=3000`;
      const tools = { directory: await folder() };
      const { service, another, directory, database, files } = await ground({ uri, engine: 'driver', tools });
      const db = database('shop');
      const text = (): string => randomBytes(750).toString('hex');
      const flowers = Array.from({ length: 20_000 }, (_, number) => ({ number, text: text() }));
      await db.collection('flowers').insertMany(flowers);
      const kill = async (): Promise<void> => server.kill('SIGKILL');
      const onProgress = (progress: BackupProgress): void => {
        if (progress.phase === 'load' && progress.documents > 0) void kill();
      };
      const storage = new HeldStorage(directory, kill);
      const held = await another({ storage, compression: { codec: 'none' } });
      const { id } = await service.createBackup({ database: 'shop' });

      const failure = await failureOf(
        phase === 'dump'
          ? held.createBackup({ database: 'shop' })
          : service.restoreBackup(id, { force: true, onProgress }),
      );

      expect(failure).toMatchObject({ name: 'BackupError', code: expect.stringMatching(GONE) });
      expect(await files()).toEqual([id]);
      expect((await service.listBackups()).map(({ status }) => status)).toEqual(['good']);
      expect(await service.verifyBackup(id)).toMatchObject({ good: true });
    },
  );
});

/** Takes a little of a backup, and the rest after something else: so that no dump is over before that. */
class HeldStorage extends DiskStorage {
  constructor(
    directory: string,
    private readonly first: () => Promise<void>,
  ) {
    super(directory);
  }

  override async begin(id: string): Promise<BackupDraft> {
    const draft = await super.begin(id);
    const write = draft.write.bind(draft);
    draft.write = (name, content) => write(name, Readable.from(held(content, this.first)));
    return draft;
  }
}

async function* held(content: Readable, first: () => Promise<void>): AsyncGenerator {
  let done: Promise<void> | undefined;
  for await (const chunk of content) {
    yield chunk;
    await (done ??= first());
  }
}
