import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, startOwnMongo, tools } from '../../servers/index.js';
import { script } from './compiled.js';
import {
  describeEngines,
  contentOf,
  type Db,
  failureOf,
  finally_,
  folder,
  ground,
  plantShop,
} from './ground.js';
import { childOf, processes, until } from './processes.js';

describeWith(['mongo', 'tools'], 'a restore that fails before the swap leaves the target as it was', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('when mongorestore is sent %s', async (signal) => {
    const { db, service } = await ground();
    await plantMuch(db);
    const { id } = await service.createBackup();
    await db.collection('products').deleteMany({});
    const before = await contentOf(db);
    let sent: Promise<void> | undefined;
    const kill = async (): Promise<void> => {
      await until(async () => (await childOf('mongorestore')) !== undefined);
      process.kill((await childOf('mongorestore'))!, signal);
    };

    const failure = await failureOf(
      service.restoreBackup(id, {
        force: true,
        onProgress: ({ phase }) => void (phase === 'load' && (sent ??= kill())),
      }),
    );

    await sent;
    expect(failure).toMatchObject({ code: 'TOOL_FAILED', message: expect.stringContaining('mongorestore') });
    expect(await contentOf(db)).toEqual(before);
    expect(await service.restoreBackup(id, { force: true })).toMatchObject({ id });
  });

  it.each([
    ['leaves out a collection', 'REAL "$@" --nsExclude="*.orders"'],
    ['leaves out the indexes', 'REAL "$@" --noIndexRestore'],
    [
      'reads and does nothing',
      'cat > /dev/null; echo "2500 document(s) restored successfully. 0 document(s) failed to restore." >&2',
    ],
    ['says nothing', 'cat > /dev/null'],
    ['does nothing at all', ''],
    ['closes its input', 'exec 0<&-; sleep 0.5', 'TOOL_FAILED'],
    [
      'says that documents failed',
      'cat > /dev/null; echo "2490 document(s) restored successfully. 10 document(s) failed to restore." >&2',
    ],
  ])('when mongorestore ends well but %s', async (_, instead, code = 'RESTORE_MISMATCH') => {
    const { db, service, another } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    await db.collection('products').deleteMany({});
    const before = await contentOf(db);
    const path = join(await folder(), 'mongorestore');
    const real = join(tools(), 'mongorestore');
    await writeFile(
      path,
      `#!/bin/bash\n[ "$1" = --version ] && exec ${real} --version\n${instead.replace('REAL', real)}\nexit 0\n`,
    );
    await chmod(path, 0o755);
    const lied = await another({ tools: { mongorestore: path } });

    const failure = await failureOf(lied.restoreBackup(id, { force: true }));

    expect(failure).toMatchObject({ code });
    expect(await contentOf(db)).toEqual(before);
  });

  it('when the bytes change between the proof and the loading', async () => {
    const { db, service, directory } = await ground({ compression: { codec: 'none' } });
    await plantShop(db);
    const { id } = await service.createBackup();
    await db.collection('products').deleteMany({});
    const before = await contentOf(db);
    let changed: Promise<void> | undefined;
    const spoil = async (): Promise<void> =>
      writeFile(join(directory, id, 'archive'), 'short', { flag: 'r+' });

    const failure = await failureOf(
      service.restoreBackup(id, {
        force: true,
        onProgress: ({ phase, documents }) =>
          void (phase === 'verify' && documents === 2_500 && (changed ??= spoil())),
      }),
    );

    await changed;
    expect(failure).toMatchObject({ code: 'BACKUP_DAMAGED' });
    expect(await contentOf(db)).toEqual(before);
  });

  it('when the tool is missing', async () => {
    const { db, service, another } = await ground();
    await plantShop(db);
    const { id } = await service.createBackup();
    const before = await contentOf(db);
    const bare = await another({ tools: { directory: await folder() } });

    expect(await failureOf(bare.restoreBackup(id, { force: true }))).toMatchObject({
      code: 'TOOL_NOT_FOUND',
    });
    expect(await contentOf(db)).toEqual(before);
  });

  it('when its process is killed; the next restore removes what it left, and succeeds', async () => {
    const { db, service, uri, directory, another } = await ground();
    await plantMuch(db);
    const full = await contentOf(db);
    const { id } = await service.createBackup();
    await db.collection('products').deleteMany({});
    const before = await contentOf(db);
    const {
      process: victim,
      written,
      ended,
    } = await script(
      `const service = await createBackupService(options);
       let loads = 0;
       const onProgress = ({ phase, documents }) => {
         if (phase !== 'load' || documents < 1000) return;
         console.log('loading');
         process.kill(process.pid, 'SIGSTOP');
       };
       await service.restoreBackup('${id}', { force: true, onProgress });`,
      { uri, directory, tools: { directory: tools() } },
    );
    await written('loading');
    const scratch = async (): Promise<string[]> =>
      (await db.listCollections().toArray())
        .map(({ name }) => name)
        .filter((name) => name.startsWith('flora_restore.'));
    await until(async () => (await scratch()).length > 0);
    const restore = await childOf('mongorestore', victim.pid);

    const made = await service.createBackup();
    expect(made.namespaces?.every(({ collection }) => !collection.startsWith('flora_restore.'))).toBe(true);
    victim.kill('SIGKILL');
    await ended;
    await until(async () => !(await processes()).some(({ pid }) => pid === restore));
    expect(await withoutScratch(db)).toEqual(before);
    expect((await scratch()).length).toBeGreaterThan(0);

    await (await another()).restoreBackup(id, { force: true });
    expect(await contentOf(db)).toEqual(full);
  });

  it('when the server dies', async () => {
    const server = await startOwnMongo({ replicaSet: false });
    const { db, service } = await ground({ uri: `${server.url}shop?serverSelectionTimeoutMS=1000` });
    finally_(() => server.stop());
    await plantMuch(db);
    const { id } = await service.createBackup();
    let killed: Promise<void> | undefined;
    const onProgress = ({ phase }: { phase: string }) =>
      void (phase === 'load' && (killed ??= server.kill('SIGKILL')));

    const failure = await failureOf(service.restoreBackup(id, { force: true, onProgress }));

    await killed;
    expect(['SERVER_UNREACHABLE', 'TOOL_FAILED']).toContain(failure.code);
  });
});

describeEngines('a restore that is stopped leaves the target as it was', () => {
  it('when it is aborted while it verifies or loads, or the service is closed', async () => {
    const { db, service, another } = await ground();
    await plantMuch(db);
    const { id } = await service.createBackup();
    await db.collection('products').deleteMany({});
    const before = await contentOf(db);

    for (const phase of ['verify', 'load']) {
      const stop = new AbortController();
      const onProgress = (progress: { phase: string }) => progress.phase === phase && stop.abort();
      const restoring = service.restoreBackup(id, { force: true, signal: stop.signal, onProgress });
      expect(await failureOf(restoring)).toMatchObject({ code: 'ABORTED' });
      expect(await contentOf(db)).toEqual(before);
    }
    const other = await another();
    const onProgress = (progress: { phase: string }) => void (progress.phase === 'load' && other.close());
    expect(await failureOf(other.restoreBackup(id, { force: true, onProgress }))).toMatchObject({
      code: 'ABORTED',
    });
    await other.close();
    expect(await contentOf(db)).toEqual(before);
    expect(await childOf('mongorestore')).toBeUndefined();
  });
});

describeEngines('a restore that fails within the swap', () => {
  it('into an empty target takes back what it has put there, and leaves what came into being meanwhile', async () => {
    const { db, service, database } = await ground();
    for (const name of ['a', 'b', 'c']) await db.collection(name).insertOne({ from: 'backup' });
    await db.createCollection('view', { viewOn: 'a', pipeline: [] });
    const { id } = await service.createBackup();
    for (const name of ['b', 'view']) {
      const target = database();
      let disturbed: Promise<unknown> | undefined;
      const onProgress = ({ phase }: { phase: string }) =>
        void (phase === 'verify' && (disturbed ??= target.collection(name).insertOne({ from: 'elsewhere' })));

      const failure = await failureOf(service.restoreBackup(id, { to: target.databaseName, onProgress }));

      await disturbed;
      expect(failure).toMatchObject({
        code: 'TARGET_NOT_EMPTY',
        namespaces: [`${target.databaseName}.${name}`],
      });
      expect(Object.keys(await contentOf(target))).toEqual([name]);
      expect(await target.collection(name).findOne()).toMatchObject({ from: 'elsewhere' });
    }
  });
});

async function plantMuch(db: Db): Promise<void> {
  await plantShop(db);
  const text = 'roses are red '.repeat(60);
  for (const name of ['much', 'more'])
    await db.collection(name).insertMany(Array.from({ length: 8_000 }, (_, index) => ({ index, text })));
}

/** What an application sees of a database. */
async function withoutScratch(db: Db): Promise<Record<string, unknown>> {
  const all = Object.entries(await contentOf(db));
  return Object.fromEntries(all.filter(([name]) => !name.startsWith('flora_restore.')));
}
