import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import mongoose from 'mongoose';
import { expect, it, onTestFinished } from 'vitest';
import { describeWith, mongo, tools } from '../servers/index.js';

const CLI = join(import.meta.dirname, '../../dist/backup/cli/main.js');
const DONE = 0;
const FAILED = 1;
const WRONG = 2;
const BAD = 3;
const REFUSED = 4;

/** A database with a few flowers, an empty folder, and the program in it with nothing but its environment. */
async function ground(more: Record<string, string> = {}, documents = 500) {
  const uri = mongo();
  const folder = await mkdtemp(join(tmpdir(), 'flora-cli-'));
  const client = await mongoose.mongo.MongoClient.connect(uri);
  const db = client.db();
  onTestFinished(async () => {
    for (const name of [db.databaseName, `${db.databaseName}-b`]) await client.db(name).dropDatabase();
    await client.close();
    await rm(folder, { recursive: true, force: true });
  });
  const text = 'grows well '.repeat(20);
  for (let at = 0; at < documents; at += 5_000)
    await db
      .collection('products')
      .insertMany(
        Array.from({ length: Math.min(5_000, documents - at) }, (_, index) => ({ number: at + index, text })),
      );
  await db.collection('orders').insertOne({ number: 1 });
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    MONGO_URI: uri,
    MONGO_TOOLS_DIR: tools(),
    BACKUP_DIR: join(folder, 'backups'),
    ...more,
  };
  const start = (...args: string[]) =>
    execa('node', [CLI, ...args], { cwd: folder, env, extendEnv: false, reject: false });
  return {
    uri,
    db,
    folder,
    env,
    start,
    run: start,
    /** What it prints with --json, and what it ends with. */
    json: async (...args: string[]) => {
      const { stdout, exitCode } = await start(...args, '--json');
      return { exitCode, said: JSON.parse(stdout) as never };
    },
    files: () => readdir(join(folder, 'backups')).catch(() => []),
    another: client.db(`${db.databaseName}-b`),
  };
}

describeWith(['mongo', 'tools'], 'flora-backup', () => {
  it('makes, lists, shows, verifies, restores, cleans up and deletes backups by its environment alone', async () => {
    const { json, run, db, another, files } = await ground();

    const made = await json('create', '--label', 'nightly');
    expect(made).toMatchObject({
      exitCode: DONE,
      said: { status: 'good', documents: 501, label: 'nightly' },
    });
    const { id } = made.said as { id: string };
    const some = await json('create', '--collections=orders');
    expect(some).toMatchObject({ exitCode: DONE, said: { documents: 1, collections: ['orders'] } });

    expect((await json('list', '--label', 'nightly')).said).toEqual([made.said]);
    expect((await json('show', id)).said).toEqual(made.said);
    for (const level of ['hash', 'archive', 'restore'])
      expect(await json('verify', id, '--level', level)).toMatchObject({
        exitCode: DONE,
        said: { good: true },
      });
    expect((await run('verify', 'latest')).stdout).toContain((some.said as { id: string }).id);

    expect(await json('restore', id)).toMatchObject({
      exitCode: REFUSED,
      said: { error: { code: 'TARGET_NOT_EMPTY' } },
    });
    expect(await json('restore', id, '--dry-run')).toMatchObject({
      exitCode: REFUSED,
      said: { dryRun: true },
    });
    expect(await json('restore', id, '--to', another.databaseName)).toMatchObject({ exitCode: DONE });
    expect(await another.collection('products').countDocuments()).toBe(500);
    await db.collection('products').deleteMany({});
    const restored = await run('restore', id, '--force', '--collections', 'products');
    expect(restored).toMatchObject({ exitCode: DONE, stderr: '' });
    expect(restored.stdout).toContain('replaced');
    expect(await db.collection('products').countDocuments()).toBe(500);

    const newer = (await json('create')).said as { id: string };
    expect((await json('cleanup', '--keep-last', '1', '--dry-run')).said).toMatchObject({ removed: [id] });
    expect((await json('cleanup', '--keep-last=1')).said).toMatchObject({ removed: [id], failed: [] });
    expect(await run('delete', newer.id)).toMatchObject({ exitCode: DONE });
    expect(await run('recover')).toMatchObject({ exitCode: DONE });
    expect(await files()).toEqual([(some.said as { id: string }).id]);
  });

  it('ends with a code of its own for what is bad, what is missing, and what fails', async () => {
    const { json, run, folder, env } = await ground({ BACKUP_STALE_AFTER: '1h' });
    expect(await json('health')).toMatchObject({ exitCode: BAD, said: { status: 'down' } });
    const { id } = (await json('create')).said as { id: string };
    expect(await json('health')).toMatchObject({ exitCode: DONE, said: { status: 'up' } });
    const [archive] = (await readdir(join(folder, 'backups', id))).filter((name) =>
      name.startsWith('archive'),
    );
    await truncate(join(folder, 'backups', id, archive!), 20);
    expect(await json('verify', id)).toMatchObject({ exitCode: BAD, said: { good: false } });
    expect((await run('show', id)).exitCode).toBe(BAD);
    expect(await json('health')).toMatchObject({ exitCode: BAD });
    expect(await json('restore', id)).toMatchObject({
      exitCode: FAILED,
      said: { error: { code: 'BACKUP_DAMAGED' } },
    });
    expect(await json('show', 'nothing')).toMatchObject({
      exitCode: FAILED,
      said: { error: { code: 'BACKUP_NOT_FOUND' } },
    });
    expect(await json('create', '--database', 'there-is-none')).toMatchObject({ exitCode: FAILED });
    expect(await json('copy')).toMatchObject({
      exitCode: WRONG,
      said: { error: { code: 'INVALID_OPTIONS' } },
    });
    expect(await json('restore', '../../etc/passwd')).toMatchObject({ exitCode: FAILED });
    expect(await json('delete', '../x')).toMatchObject({ exitCode: WRONG });
    expect(await json('cleanup', '--days', '0')).toMatchObject({ exitCode: WRONG });

    const broken = { ...env, BACKUP_RETENTION_DAYS: 'many', MONGO_URI: 'mongo.example' };
    const { exitCode, stderr } = await execa('node', [CLI, 'list'], {
      env: broken,
      extendEnv: false,
      reject: false,
    });
    expect(exitCode).toBe(WRONG);
    expect(stderr).toMatch(/MONGO_URI[^]*BACKUP_RETENTION_DAYS/);
  });

  it('keeps copies in several storages, says which is lacking, and makes up for it', async () => {
    const { json, run, folder } = await ground({ BACKUP_STORAGE: 'disk, ./copies' });
    const copies = join(folder, 'copies');
    await writeFile(copies, 'a file in the way');
    const made = await json('create');
    expect(made).toMatchObject({
      exitCode: BAD,
      said: { status: 'good', copies: [{ status: 'good' }, { status: 'missing' }] },
    });
    const { id } = made.said as { id: string };
    expect((await run('list')).stdout).toMatch(/good 1\/2/);
    expect((await run('copy')).exitCode).toBe(BAD);
    await rm(copies);
    expect(await json('copy')).toMatchObject({ exitCode: DONE, said: { copied: [{ id }], failed: [] } });
    expect(await readdir(copies)).toEqual([id]);
    expect((await json('copy', id)).said).toEqual({ copied: [], failed: [] });
  });

  it.each<[RegExp, string[]]>([
    [/No command/, []],
    [/no command "lits"; list/, ['lits']],
    [/no command "frobnicate"/, ['frobnicate']],
    [/no flag "--lable"; --label/, ['create', '--lable', 'x']],
    [/no flag "--forced"; --force/, ['restore', 'latest', '--forced']],
    [/no flag "-f"/, ['restore', 'latest', '-f']],
    [/--label lacks its value/, ['create', '--label']],
    [/--label lacks its value/, ['create', '--label', '--database=x']],
    [/--force takes no value/, ['restore', 'latest', '--force=no']],
    [/--to was given twice/, ['restore', 'latest', '--to', 'a', '--to', 'b']],
    [/--days is "many"/, ['cleanup', '--days', 'many']],
    [/lacks ID/, ['show']],
    [/"two" is one argument too many/, ['show', 'one', 'two']],
    [/"x" is one argument too many/, ['create', 'x']],
    [/can't be read/, ['list', '--env', 'nowhere.env']],
    [/can't be read/, ['--env', 'nowhere.env', 'list']],
    [/No command/, ['--env', 'list']],
    [/status is "god"/, ['list', '--status', 'god']],
    [/"bitwise"/, ['verify', 'x', '--level', 'bitwise']],
    [/not a cron expression/, ['schedule', 'daily']],
    [/status/, ['restore', 'latest', '--status', 'good']],
  ])('refuses what it does not understand: %s', async (problem, args) => {
    const { run, files } = await ground();
    const { exitCode, stdout, stderr } = await run(...args);
    expect(stderr).toMatch(problem);
    expect({ exitCode, stdout }).toEqual({ exitCode: WRONG, stdout: '' });
    expect(await files()).toEqual([]);
  });

  it('takes no secret on its command line, and gives none away', async () => {
    const place = await ground();
    for (const flag of ['--uri', '--password', '--key', '--secret']) {
      const { exitCode, stderr } = await place.run('create', flag, 'mongodb://flora:hunter2@db/shop');
      expect(exitCode).toBe(WRONG);
      expect(stderr).toMatch(/is not taken: .* (MONGO_URI|BACKUP_KEYS|BACKUP_WEBHOOK_SECRET)/);
      expect(stderr).not.toContain('hunter2');
    }
    const file = join(place.folder, 'secrets.env');
    await writeFile(
      file,
      'MONGO_URI=mongodb://flora:hunter2@127.0.0.1:1/shop?serverSelectionTimeoutMS=300\n',
    );
    const { MONGO_URI: _, ...env } = place.env;
    for (const flags of [[], ['--json']]) {
      const args = [CLI, 'create', '--env', file, ...flags];
      const { exitCode, all } = await execa('node', args, {
        env,
        extendEnv: false,
        reject: false,
        all: true,
      });
      expect(exitCode).toBe(FAILED);
      expect(all).toContain('SERVER_UNREACHABLE');
      expect(all).not.toContain('hunter2');
    }
  });

  it('helps: with all commands, and with each', async () => {
    const { run } = await ground();
    const { stdout, exitCode } = await run('--help');
    expect(exitCode).toBe(DONE);
    const names = [...stdout.matchAll(/^ {2}([a-z]+)(?: .*)? {2,}\S/gm)].map(([, name]) => name!);
    expect(names).toEqual(
      expect.arrayContaining([
        'create',
        'list',
        'show',
        'verify',
        'restore',
        'cleanup',
        'copy',
        'delete',
        'schedule',
      ]),
    );
    for (const name of names) {
      const help = await run(name, '-h');
      expect(help).toMatchObject({ exitCode: DONE, stderr: '' });
      expect(help.stdout).toContain(`Usage: flora-backup ${name}`);
    }
    const { version } = JSON.parse(await readFile(join(CLI, '../../../../package.json'), 'utf8')) as {
      version: string;
    };
    expect((await run('--version')).stdout).toBe(version);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ended by %s ends its children and leaves nothing half', async (signal, code) => {
    // The tool that dumps is held up, so that there is time to end it.
    const { start, folder, files } = await ground();
    const slow = join(folder, 'tools');
    await execa('mkdir', [slow]);
    const script = `#!/bin/sh\ncase "$*" in *--version*) exec ${tools()}/mongodump "$@";; esac\necho $$ > ${folder}/pid\nexec sleep 60\n`;
    await writeFile(join(slow, 'mongodump'), script, { mode: 0o755 });
    await execa('ln', ['-s', join(tools(), 'mongorestore'), join(slow, 'mongorestore')]);
    const child = execa('node', [CLI, 'create', '--json'], {
      cwd: folder,
      env: { ...(await ground()).env, MONGO_TOOLS_DIR: slow, BACKUP_DIR: join(folder, 'backups') },
      extendEnv: false,
      reject: false,
    });
    await expect
      .poll(() => readFile(join(folder, 'pid'), 'utf8').catch(() => ''), { timeout: 60_000 })
      .not.toBe('');
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));

    child.kill(signal);
    const { exitCode, stdout, stderr } = await child;

    expect(exitCode).toBe(code);
    expect(stderr).toContain('Stopping');
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'ABORTED' } });
    expect(await files()).toEqual([]);
    await expect.poll(() => isRunning(pid)).toBe(false);
    expect((await start('list')).stdout).toBe('There are no backups.');
  });

  it.each<[string, string[]]>([
    ['verification', ['verify', 'latest', '--level', 'restore']],
    ['restore', ['restore', 'latest', '--force']],
  ])('ended in a %s, by Ctrl-C too, ends its children and leaves all as it was', async (_, args) => {
    const { run, folder, env, db, files } = await ground();
    await run('create');
    await db.collection('products').updateMany({}, { $set: { newer: true } });
    const slow = join(folder, 'tools');
    await execa('mkdir', [slow]);
    const script = `#!/bin/sh\ncase "$*" in *--version*) exec ${tools()}/mongorestore "$@";; esac\necho $$ > ${folder}/pid\nexec sleep 60\n`;
    await writeFile(join(slow, 'mongorestore'), script, { mode: 0o755 });
    await execa('ln', ['-s', join(tools(), 'mongodump'), join(slow, 'mongodump')]);
    const before = await files();
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
      ['SIGINT', 130],
    ] as const) {
      await rm(join(folder, 'pid'), { force: true });
      const child = execa('node', [CLI, ...args, '--json'], {
        cwd: folder,
        env: { ...env, MONGO_TOOLS_DIR: slow },
        extendEnv: false,
        reject: false,
        detached: true,
      });
      await expect
        .poll(() => readFile(join(folder, 'pid'), 'utf8').catch(() => ''), { timeout: 60_000 })
        .not.toBe('');
      const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
      // A terminal tells all that runs in it.
      process.kill(signal === 'SIGINT' ? -child.pid! : child.pid!, signal);
      const { exitCode, stdout } = await child;
      expect(exitCode).toBe(code);
      expect(JSON.parse(stdout)).toMatchObject({ error: {} });
      await expect.poll(() => isRunning(pid)).toBe(false);
    }
    expect(await db.collection('products').countDocuments({ newer: true })).toBe(500);
    const names = (await db.listCollections().toArray()).map(({ name }) => name);
    expect(names.filter((name) => name !== 'flora_backup.locks').toSorted()).toEqual(['orders', 'products']);
    const { databases } = await db.admin().listDatabases();
    expect(databases.filter(({ name }) => name.startsWith('flora_trial-'))).toEqual([]);
    expect(await files()).toEqual(before);
  });

  it('does what it began when nobody listens any more, and fails where its answer can not be written', async () => {
    const { folder, env, files, json, start } = await ground();
    const shell = (line: string) =>
      execa('bash', ['-c', `cli() { node ${CLI} "$@"; }; ${line}`], {
        cwd: folder,
        env,
        extendEnv: false,
        reject: false,
      });
    for (const line of [
      'cli create | true; exit ${PIPESTATUS[0]}',
      'cli create 2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}',
      'cli create >&- 2>&- <&-',
      'cli list | head -1 >/dev/null; exit ${PIPESTATUS[0]}',
    ])
      expect(await shell(line)).toMatchObject({ exitCode: DONE, stderr: '' });
    expect(await files()).toHaveLength(3);
    expect(await shell('cli list >/dev/full')).toMatchObject({ exitCode: FAILED });
    expect(await shell('cli show nothing | true; exit ${PIPESTATUS[0]}')).toMatchObject({ exitCode: FAILED });

    const schedule = start('schedule', '* * * * * *', '--label', 'piped');
    schedule.stdout.once('data', () => schedule.stdout.destroy());
    await expect
      .poll(async () => ((await json('list', '--label', 'piped')).said as unknown[]).length, {
        timeout: 60_000,
      })
      .toBeGreaterThan(1);
    schedule.kill('SIGTERM');
    expect((await schedule).exitCode).toBe(DONE);
  });

  it('makes backups by a cron expression until it is stopped', async () => {
    const { start, json } = await ground();
    const child = start('schedule', '* * * * * *', '--label', 'by cron', '--json');
    await expect
      .poll(async () => ((await json('list')).said as unknown[]).length, { timeout: 60_000 })
      .toBeGreaterThan(0);
    child.kill('SIGTERM');
    expect((await child).exitCode).toBe(DONE);
    const { said } = await json('list');
    for (const backup of said as object[]) expect(backup).toMatchObject({ status: 'good', label: 'by cron' });
  });

  it('shows progress on a terminal, in one line, and nowhere else', async () => {
    const { folder, env, run } = await ground({}, 40_000);
    const args = [process.execPath, CLI, 'create'].map((arg) => `'${arg}'`).join(' ');
    const terminal = await execa('script', ['-qec', args, '/dev/null'], {
      cwd: folder,
      env,
      reject: false,
      extendEnv: false,
    });
    expect(terminal.exitCode).toBe(DONE);
    expect(terminal.stdout).toContain('\r\u001B[Kreading  ');
    expect(terminal.stdout).toContain(' %');
    expect(terminal.stdout).toMatch(/40,001 documents in 2 collections/);

    const piped = await run('create');
    expect(piped).toMatchObject({ exitCode: DONE, stderr: '' });
    expect(piped.stdout).not.toContain('\u001B');
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
