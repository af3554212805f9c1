import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, startOwnMongo, tools, unique } from '../../servers/index.js';
import { script } from './compiled.js';
import { describeEngines, type Db, failureOf, finally_, folder, ground, plantShop } from './ground.js';
import { childOf, processes, until } from './processes.js';

describeWith(['mongo', 'tools'], 'making a backup that fails leaves nothing that looks like one', () => {
  it.each([
    ['SIGKILL', 1],
    ['SIGTERM', 1],
    ['SIGTERM', 4],
    ['SIGINT', 1],
    ['SIGHUP', 1],
  ] as const)('when mongodump is sent %s while it dumps %i collections', async (signal, collections) => {
    const { db, service, files } = await ground();
    await plantMuch(db, collections);
    let sent: Promise<void> | undefined;
    const kill = async (): Promise<void> => {
      const pid = await childOf('mongodump');
      if (pid) process.kill(pid, signal);
    };

    const failure = await failureOf(service.createBackup({ onProgress: () => void (sent ??= kill()) }));

    await sent;
    expect(failure).toMatchObject({ code: 'TOOL_FAILED', message: expect.stringContaining('mongodump') });
    expect(await files()).toEqual([]);
    expect(await service.listBackups()).toEqual([]);
  });
});

describeEngines('making a backup that fails leaves nothing that looks like one', () => {
  it('when it is aborted by its caller: before it begins, while it waits, while it runs', async () => {
    const { db, service, files } = await ground();
    await plantMuch(db);
    expect(await failureOf(service.createBackup({ signal: AbortSignal.abort() }))).toMatchObject({
      code: 'ABORTED',
    });

    const running = new AbortController();
    const waiting = new AbortController();
    const first = failureOf(
      service.createBackup({ signal: running.signal, onProgress: () => running.abort() }),
    );
    const second = failureOf(service.createBackup({ signal: waiting.signal }));
    waiting.abort();

    expect(await second).toMatchObject({ code: 'ABORTED' });
    expect(await first).toMatchObject({ code: 'ABORTED' });
    expect(await files()).toEqual([]);
    expect(await childOf('mongodump')).toBeUndefined();
    expect((await service.createBackup()).status).toBe('good');
  });

  it('when the thread that packs it dies', async () => {
    const { db, service, files } = await ground();
    await plantMuch(db);
    process.once('worker', (thread) => setTimeout(() => void thread.terminate(), 60));

    expect(await failureOf(service.createBackup())).toMatchObject({ code: 'PIPELINE_FAILED' });

    expect(await files()).toEqual([]);
    expect(await childOf('mongodump')).toBeUndefined();
    const { id } = await service.createBackup();
    process.once('worker', (thread) => void thread.terminate());
    expect(await failureOf(service.verifyBackup(id))).toMatchObject({ code: 'PIPELINE_FAILED' });
    expect(await service.verifyBackup(id)).toMatchObject({ good: true });
  });

  it('when it can not fit on the disk, before it is begun', async ({ skip }) => {
    const directory = (await mounted('size=1m')) ?? skip('this user may not mount a file system');
    const { db, service, files } = await ground({ directory, compression: { codec: 'none' } });
    await plantMuch(db);
    let begun = false;

    const failure = await failureOf(service.createBackup({ onProgress: () => (begun = true) }));

    expect(failure).toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringContaining('needs at least'),
    });
    expect(begun).toBe(false);
    expect(await files()).toEqual([]);
  });

  it('when it takes longer than its timeout', async () => {
    const { db, service, another, files } = await ground();
    await plantMuch(db);
    const hasty = await another({ timeout: '1ms' });

    expect(await failureOf(hasty.createBackup())).toMatchObject({ code: 'TIMED_OUT' });

    expect(await files()).toEqual([]);
    expect((await service.createBackup()).status).toBe('good');
  });

  it('when the service is closed while one runs and one waits', async () => {
    const { db, service, files } = await ground();
    await plantMuch(db);
    let closed: Promise<void> | undefined;

    const first = failureOf(service.createBackup({ onProgress: () => void (closed ??= service.close()) }));
    const second = failureOf(service.createBackup());

    expect(await first).toMatchObject({ code: 'ABORTED' });
    expect(await second).toMatchObject({ code: 'ABORTED' });
    await closed;
    expect(await files()).toEqual([]);
    expect(await childOf('mongodump')).toBeUndefined();
    expect(await failureOf(service.createBackup())).toMatchObject({ code: 'ABORTED' });
  });

  it('when the database does not exist, which mongodump calls a success', async () => {
    const { service, files } = await ground();

    for (const database of [undefined, unique()])
      expect(await failureOf(service.createBackup({ database }))).toMatchObject({
        code: 'DATABASE_NOT_FOUND',
      });
    expect(await files()).toEqual([]);
  });

  it.each(['a b', 'a/b', 'a.b', '$x', '', 'x'.repeat(64), '"; rm -rf /', 'a\0b', 7])(
    'when the database is called %j',
    async (database) => {
      const { service, files } = await ground();

      const failure = await failureOf(service.createBackup({ database: database as string }));

      expect(failure).toMatchObject({ code: 'INVALID_OPTIONS' });
      expect(await files()).toEqual([]);
    },
  );

  it('when the server is not there', async () => {
    const { service, files } = await ground();
    const uri = 'mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=300&directConnection=true';
    const { another } = await ground();
    const lost = await another({ uri });

    expect(await failureOf(lost.createBackup())).toMatchObject({ code: 'SERVER_UNREACHABLE' });
    expect(await files()).toEqual([]);
    expect(await service.listBackups()).toEqual([]);
  });

  it('when the server dies while it is dumped', async () => {
    const server = await startOwnMongo({ replicaSet: false });
    const { db, service, files } = await ground({ uri: `${server.url}shop?serverSelectionTimeoutMS=1000` });
    finally_(() => server.stop());
    await plantMuch(db);
    let killed: Promise<void> | undefined;

    const failure = await failureOf(
      service.createBackup({ onProgress: () => void (killed ??= server.kill('SIGKILL')) }),
    );

    await killed;
    expect(['SERVER_UNREACHABLE', 'TOOL_FAILED']).toContain(failure.code);
    expect(await files()).toEqual([]);
  });

  it('when the server is frozen while it is dumped, for longer than the timeout', async () => {
    const server = await startOwnMongo({ replicaSet: false });
    const { db, service, another, files } = await ground({
      uri: `${server.url}shop?serverSelectionTimeoutMS=1000&socketTimeoutMS=3000`,
    });
    finally_(() => server.stop());
    await plantMuch(db);
    const hasty = await another({ timeout: '5s' });
    let frozen: Promise<void> | undefined;

    const failure = await failureOf(
      hasty.createBackup({ onProgress: () => void (frozen ??= server.kill('SIGSTOP')) }),
    );

    await frozen;
    expect(['SERVER_UNREACHABLE', 'TOOL_FAILED', 'TIMED_OUT']).toContain(failure.code);
    expect(await childOf('mongodump')).toBeUndefined();
    await server.kill('SIGCONT');
    expect(await files()).toEqual([]);
    expect((await service.createBackup()).status).toBe('good');
  });
});

describeWith(['mongo', 'tools'], 'making a backup with a tool that can not be used', () => {
  it('when mongodump is missing, too old, or something else', async () => {
    const { db, another, files } = await ground();
    await plantShop(db);
    const place = await folder();
    const tool = async (name: string, text: string): Promise<string> => {
      await writeFile(join(place, name), `#!/bin/sh\n${text}\n`);
      await chmod(join(place, name), 0o755);
      return join(place, name);
    };
    const cases: [string, object][] = [
      ['TOOL_NOT_FOUND', { directory: place }],
      ['TOOL_NOT_FOUND', { mongodump: join(place, 'nowhere') }],
      ['TOOL_NOT_FOUND', { mongodump: await tool('true', 'exit 0') }],
      ['TOOL_TOO_OLD', { mongodump: await tool('old', 'echo "mongodump version: 100.2.1"') }],
      ['TOOL_TOO_OLD', { mongodump: await tool('older', 'echo "mongodump version: r4.0.28"') }],
      [
        'TOOL_FAILED',
        {
          mongodump: await tool(
            'odd',
            '[ "$1" = --version ] && echo "mongodump version: 100.9.0" || { cat >/dev/null; echo "Failed: no mood" >&2; exit 1; }',
          ),
        },
      ],
    ];
    for (const [code, tools] of cases) {
      const service = await another({ tools });
      expect([tools, (await failureOf(service.createBackup())).code]).toEqual([tools, code]);
    }
    expect(await files()).toEqual([]);
  });

  it('when a tool ends well but its archive is empty, cut short or noise', async () => {
    const { db, another, files } = await ground();
    await plantShop(db);
    const place = await folder();
    const lie = async (name: string, output: string): Promise<object> => {
      const real = join(tools(), 'mongodump');
      await writeFile(
        join(place, name),
        `#!/bin/bash\n[ "$1" = --version ] && exec ${real} --version\n${output.replaceAll('REAL', real)}\nexit 0\n`,
      );
      await chmod(join(place, name), 0o755);
      return { mongodump: join(place, name) };
    };
    const cases: [string, object][] = [
      ['ARCHIVE_INVALID', await lie('nothing', '')],
      ['ARCHIVE_INVALID', await lie('cut', 'REAL "$@" | head -c 20000')],
      ['ARCHIVE_INVALID', await lie('more', 'REAL "$@"; echo')],
      ['ARCHIVE_INVALID', await lie('noise', 'head -c 100000 /dev/urandom')],
      ['BACKUP_INCOMPLETE', await lie('part', 'REAL "$@" --excludeCollection=orders')],
      ['DATABASE_NOT_FOUND', await lie('typo', `REAL "$\{@/--db=*/--db=${unique()}}"`)],
    ];
    for (const [code, tools] of cases) {
      const service = await another({ tools });
      expect([tools, (await failureOf(service.createBackup())).code]).toEqual([tools, code]);
    }
    expect(await files()).toEqual([]);
  });
});

describeEngines('a storage that can not be used', () => {
  it('is a typed error when the directory is a file', async () => {
    const path = join(await folder(), 'file');
    await writeFile(path, 'not a folder');
    const { db, service } = await ground({ directory: path });
    await plantShop(db);

    expect(await failureOf(service.createBackup())).toMatchObject({ code: 'STORAGE_UNUSABLE' });
    expect(await failureOf(service.listBackups())).toMatchObject({ code: 'STORAGE_UNUSABLE' });
    expect(await failureOf(service.restoreBackup('latest'))).toMatchObject({ code: 'STORAGE_UNUSABLE' });
    expect(await readdir(join(path, '..'))).toEqual(['file']);
  });

  it('is a typed error when the directory is missing and can not be made, or is read-only', async ({
    skip,
  }) => {
    const path = (await mounted('size=1m,ro')) ?? skip('this user may not mount a file system');
    for (const directory of [path, join(path, 'below')]) {
      const { db, service } = await ground({ directory });
      await plantShop(db);
      expect(await failureOf(service.createBackup())).toMatchObject({ code: 'STORAGE_UNUSABLE' });
      expect(await service.listBackups()).toEqual([]);
    }
  });

  it('is a typed error when the disk is full, and leaves the disk as it was', async ({ skip }) => {
    const directory = (await mounted('size=1m')) ?? skip('this user may not mount a file system');
    const { db, service, files } = await ground({ directory, compression: { codec: 'gzip' } });
    await plantMuch(db);

    expect(await failureOf(service.createBackup())).toMatchObject({ code: 'STORAGE_FULL' });

    expect(await files()).toEqual([]);
    expect(await childOf('mongodump')).toBeUndefined();
    await db.dropDatabase();
    await db.collection('orders').insertOne({});
    expect((await service.createBackup()).status).toBe('good');
  });
});

describeWith(['mongo', 'tools'], 'a file that may not grow', () => {
  it('is a typed error when files may not grow so large', async () => {
    const { db, uri, directory, files } = await ground();
    await plantMuch(db);
    const { ended } = await script(
      `const service = await createBackupService(options);
       await service.createBackup().catch((error) => console.log('code', error.code));`,
      { uri, directory, tools: { directory: tools() }, compression: { codec: 'none' } },
      'ulimit -f 1000; exec node script.mjs',
    );

    expect(await ended).toContain('code STORAGE_FULL');
    expect(await files()).toEqual([]);
  });
});

describeWith(['mongo', 'tools'], 'a process that is killed while it makes a backup', () => {
  it('leaves no backup and no mongodump; what it left is removed by the next start, not by one while it lives', async () => {
    const { db, uri, directory, another, files } = await ground();
    await plantMuch(db);
    const {
      process: victim,
      written,
      ended,
    } = await script(
      `const service = await createBackupService(options);
       const onProgress = () => { console.log('under way'); process.kill(process.pid, 'SIGSTOP'); };
       await service.createBackup({ onProgress });`,
      { uri, directory, tools: { directory: tools() } },
    );
    await written('under way');
    await until(async () => (await files()).length === 1);

    const neighbour = await another();
    expect(await files()).toHaveLength(1);
    expect(await neighbour.listBackups()).toEqual([]);
    expect((await neighbour.createBackup()).status).toBe('good');
    expect(await files()).toHaveLength(2);

    const dump = await childOf('mongodump', victim.pid);
    expect(dump).toBeDefined();
    victim.kill('SIGKILL');
    await ended;
    await until(async () => !(await processes()).some(({ pid }) => pid === dump));
    expect(await neighbour.listBackups()).toHaveLength(1);

    const next = await another();
    expect(await files()).toEqual([(await next.listBackups())[0]?.id]);
  });
});

describeEngines('two backups at once', () => {
  it('are made one after the other, both good, with ids in the order they were asked for', async () => {
    const { db, service } = await ground();
    await plantShop(db);

    const made = await Promise.all([service.createBackup(), service.createBackup(), service.createBackup()]);

    const ids = made.map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect(ids.toSorted()).toEqual(ids);
    for (const id of ids) expect(await service.verifyBackup(id)).toMatchObject({ good: true });
  });

  it('do not disturb each other from two services over one directory', async () => {
    const { db, service, another } = await ground();
    await plantShop(db);
    const other = await another();

    const made = await Promise.all([service.createBackup(), other.createBackup()]);

    expect(new Set(made.map(({ id }) => id)).size).toBe(2);
    expect(await service.listBackups({ status: 'good' })).toHaveLength(2);
  });
});

/** Enough that a dump takes a while, and does not compress to nothing. */
async function plantMuch(db: Db, collections = 1): Promise<void> {
  const noise = Array.from({ length: 64 }, () => Math.random().toString(36).repeat(8));
  for (let collection = 0; collection < collections; collection++)
    await db.collection(`much${collection}`).insertMany(
      Array.from({ length: 15_000 / collections }, (_, index) => ({
        index,
        text: noise.map((part) => part.slice(index % 80)).join(''),
      })),
    );
}

/** A file system of its own; undefined where this user may not mount one. */
async function mounted(options: string): Promise<string | undefined> {
  const path = join(await folder(), 'disk');
  await mkdir(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  finally_(async () => execFileSync('umount', ['-l', path]));
  return path;
}
