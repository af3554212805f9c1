import { expect, it } from 'vitest';
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
      const { service, database, files } = await ground({ uri, engine: 'driver', tools });
      const db = database('shop');
      const flowers = Array.from({ length: 20_000 }, (_, number) => ({ number, text: 'x'.repeat(1_500) }));
      await db.collection('flowers').insertMany(flowers);
      const onProgress = (progress: BackupProgress): void => {
        if (progress.phase === phase && progress.documents > 0) void server.kill('SIGKILL');
      };
      const { id } = await service.createBackup({ database: 'shop' });

      const failure = await failureOf(
        phase === 'dump'
          ? service.createBackup({ database: 'shop', onProgress })
          : service.restoreBackup(id, { force: true, onProgress }),
      );

      expect(failure).toMatchObject({ name: 'BackupError', code: expect.stringMatching(GONE) });
      expect(await files()).toEqual([id]);
      expect((await service.listBackups()).map(({ status }) => status)).toEqual(['good']);
      expect(await service.verifyBackup(id)).toMatchObject({ good: true });
    },
  );
});
