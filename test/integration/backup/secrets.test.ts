import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Logger, type LoggerService } from '@nestjs/common';
import mongoose from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith, type RunningServer, startOwnMongo, tools } from '../../servers/index.js';
import { DriverEngine } from '../../../src/backup/engine/driver/driver.engine.js';
import { openDump } from '../../../src/backup/engine/dump-source.js';
import { MongodumpEngine } from '../../../src/backup/engine/mongodump.engine.js';
import { contentOf, type Db, failureOf, finally_, ground, plantShop } from './ground.js';
import { processes } from './processes.js';

const root = { name: 'root', password: 'r00t' };
/** All that trips up a connection string, YAML, a shell or a regular expression. */
const password = `pä:s/w@o#r?d%"'\\ $x{y}[z]!\`-&;|<>*`;
const spellings = [password, encodeURIComponent(password), JSON.stringify(password).slice(1, -1)];

describeWith(['mongod', 'mongo', 'tools'], 'a server with users', () => {
  let server: RunningServer;
  let hosts: string;
  let admin: mongoose.mongo.MongoClient;
  let db: Db;
  const uriOf = (user: string, secret: string, rest: string): string =>
    `mongodb://${user}:${encodeURIComponent(secret)}@${hosts}/${rest}`;

  beforeAll(async () => {
    server = await startOwnMongo({ user: root });
    hosts = `127.0.0.1:${server.port}`;
    admin = await mongoose.mongo.MongoClient.connect(uriOf('root', 'r00t', '?directConnection=true'));
    db = admin.db('shop');
    const roles = [{ role: 'readWrite', db: 'shop' }];
    await admin.db('admin').command({ createUser: 'keeper', pwd: password, roles });
    await db.command({ createUser: 'local', pwd: password, roles });
    await admin.db('admin').command({
      createUser: 'guard',
      pwd: password,
      roles: [
        { role: 'backup', db: 'admin' },
        { role: 'restore', db: 'admin' },
        { role: 'readWriteAnyDatabase', db: 'admin' },
      ],
    });
  });
  beforeEach(async () => {
    await db.dropDatabase();
    await plantShop(db);
  });
  afterAll(async () => {
    await admin?.close();
    await server?.stop();
  });

  it.each([
    [
      'of the admin database, by authSource',
      'keeper',
      'shop?authSource=admin&directConnection=true',
      undefined,
    ],
    ['of the database in the path', 'local', 'shop?directConnection=true', undefined],
    ['of the database in the path, by authSource', 'local', '?authSource=shop&directConnection=true', 'shop'],
    ['of the admin database, without any', 'keeper', '?directConnection=true', 'shop'],
    ['of a replica set', 'keeper', 'shop?authSource=admin&replicaSet=flora', 'shop'],
  ])(
    'is backed up and restored by a user %s, who may write one database',
    async (_, user, rest, database) => {
      const { service } = await ground({ uri: uriOf(user, password, rest) });
      const before = await contentOf(db);

      const { id } = await service.createBackup(database ? { database } : {});
      await db.collection('products').deleteMany({});
      await service.restoreBackup(id, { force: true });

      expect(await contentOf(db)).toEqual(before);
    },
  );

  it('never gives half an answer: one who may not see all is refused, not served what he may see', async () => {
    const { service, files } = await ground({
      uri: uriOf('keeper', password, '?directConnection=true'),
    });

    expect(await failureOf(service.createBackup())).toMatchObject({ code: 'NOT_AUTHORIZED' });
    expect(await failureOf(service.createBackup({ database: 'other' }))).toMatchObject({
      code: 'NOT_AUTHORIZED',
    });
    expect(await files()).toEqual([]);
  });

  it.each(['dump', 'load'] as const)(
    'is not given away by a tool that may not %s and prints what it was given',
    async (job) => {
      const wrong = `${password}x`;
      const engine = new MongodumpEngine(
        uriOf('keeper', wrong, 'shop?directConnection=true'),
        { directory: tools() },
        { concurrency: 4 },
      );
      const { signal } = new AbortController();
      const { finished } =
        job === 'dump'
          ? await openDump(await engine.source({ database: 'shop' }), signal)
          : await engine.load({ namespaces: [], into: new Map(), unchecked: false }, signal);

      const failure = await failureOf(finished);

      expect(failure).toMatchObject({
        code: 'AUTHENTICATION_FAILED',
        message: expect.stringContaining(job === 'dump' ? 'mongodump' : 'mongorestore'),
      });
      for (const spelling of spellings) expect(inspect(failure, { depth: 12 })).not.toContain(spelling);
    },
  );

  it('is not given away by the driver either', async () => {
    const wrong = `${password}x`;
    const engine = new DriverEngine(uriOf('keeper', wrong, 'shop?directConnection=true'), { concurrency: 1 });
    const { signal } = new AbortController();
    for (const begun of [
      async () => (await openDump(await engine.source({ database: 'shop' }), signal)).finished,
      async () => (await engine.load({ namespaces: [], into: new Map(), unchecked: false }, signal)).finished,
    ]) {
      const failure = await failureOf(begun());
      expect(failure).toMatchObject({ code: 'AUTHENTICATION_FAILED' });
      for (const spelling of spellings) expect(inspect(failure, { depth: 12 })).not.toContain(spelling);
    }
  });

  it.each(['mongodump', 'driver'] as const)(
    'keeps users and roles in a whole backup by %s',
    async (engine) => {
      const { service } = await ground({ uri: uriOf('guard', password, '?directConnection=true'), engine });
      const { namespaces = [] } = await service.createBackup();

      const names = namespaces.map(({ database, collection }) => `${database}.${collection}`);
      expect(names).toEqual(expect.arrayContaining(['admin.system.users', 'shop.products', 'shop.orders']));
    },
  );

  it('keeps its password out of argv, environments, logs, errors, manifests and files, in success and in failure', async () => {
    const logs = keepLogs();
    const uri = uriOf('keeper', password, 'shop?authSource=admin&directConnection=true');
    const { service, another, directory } = await ground({ uri });
    const dumping = async () => service.createBackup({ label: 'secret' });
    const backup = await dumping();
    const seen = [
      ...(await watched('mongodump', dumping)),
      ...(await watched('mongorestore', async () => service.restoreBackup(backup.id, { force: true }))),
    ];

    const failures = [
      await failureOf(
        (
          await another({ uri: uriOf('keeper', `${password}x`, 'shop?directConnection=true') })
        ).createBackup(),
      ),
      await failureOf(
        (await another({ uri: uriOf('keeper', `${password}x`, 'shop') })).restoreBackup(backup.id),
      ),
      await failureOf(
        (
          await another({ uri: uriOf('keeper', password, 'shop?serverSelectionTimeoutMS=1&replicaSet=x') })
        ).createBackup(),
      ),
      await failureOf(another({ uri: `mongodb://keeper:${password}@${hosts}/shop` })),
      await failureOf(
        another({ uri: uriOf('keeper', password, 'shop?authSource=admin&tls=perhaps') }).then((it) =>
          it.createBackup(),
        ),
      ),
      await failureOf(another({ uri: password })),
    ];
    expect(failures[0]).toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    expect(failures[1]).toMatchObject({ code: 'AUTHENTICATION_FAILED' });
    expect(failures[2]).toMatchObject({ code: 'SERVER_UNREACHABLE' });
    expect(failures[3]).toMatchObject({ code: 'INVALID_OPTIONS' });

    const texts = [
      ...seen.map((child) => JSON.stringify(child)),
      ...failures.map((failure) => inspect(failure, { depth: 12, showHidden: true })),
      ...failures.map((failure) => String(failure.stack)),
      ...logs,
      inspect(backup, { depth: 12 }),
      await readFile(join(directory, backup.id, 'manifest.json'), 'utf8'),
    ];
    for (const text of texts) for (const spelling of spellings) expect(text).not.toContain(spelling);
    const left = (await readdir(tmpdir())).filter((name) => /^flora-[A-Za-z0-9]{6}$/.test(name));
    for (const name of left)
      expect(await readdir(join(tmpdir(), name)).catch(() => [])).not.toContain('config');
  });
});

interface Watched {
  readonly name: string;
  readonly argv: string;
  readonly environment: string;
}

/** What anyone on the host could see of a tool: it is run until it was seen, for it may be over too soon. */
async function watched(tool: string, run: () => Promise<unknown>): Promise<Watched[]> {
  for (let runs = 0; runs < 20; runs += 1) {
    const seen = await whileWatching(run);
    if (seen.some(({ name }) => name === tool)) return seen;
  }
  throw new Error(`${tool} ran twenty times and was never seen`);
}

async function whileWatching(work: () => Promise<unknown>): Promise<Watched[]> {
  const seen = new Map<number, Watched>();
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      for (const { pid, name } of (await processes()).filter(({ parent }) => parent === process.pid)) {
        const [argv = '', environment = ''] = await Promise.all(
          ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
        );
        if (argv.includes('--archive')) seen.set(pid, { name, argv, environment });
      }
      await new Promise((wake) => setTimeout(wake, 1));
    }
  })();
  await work().finally(() => over.abort());
  await watching;
  return [...seen.values()];
}

function keepLogs(): string[] {
  const lines: string[] = [];
  const keep = (...parts: unknown[]): void => void lines.push(parts.map((part) => inspect(part)).join(' '));
  const logger: LoggerService = {
    log: keep,
    warn: keep,
    error: keep,
    debug: keep,
    verbose: keep,
    fatal: keep,
  };
  Logger.overrideLogger(logger);
  finally_(async () => Logger.overrideLogger(['log', 'warn', 'error', 'fatal']));
  return lines;
}
