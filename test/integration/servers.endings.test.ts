import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import mongoose from 'mongoose';
import { createClient } from 'redis';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { startServer } from '../../src/flora/servers/start-server.js';
import { describeWith, startOwnMongo, startOwnRedis } from '../servers/index.js';

let sandbox: string;
beforeAll(async () => {
  sandbox = await mkdtemp(join(tmpdir(), 'flora-test-'));
});
afterAll(() => rm(sandbox, { recursive: true }));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const eventually = (check: () => unknown): Promise<unknown> =>
  vi.waitUntil(check, { timeout: 30_000, interval: 50 });

describeWith(['mongod', 'redis-server'], 'own servers', () => {
  it('leave no process and no file when they are stopped', async () => {
    const [mongo, redis] = await Promise.all([startOwnMongo(), startOwnRedis()]);
    const mongoClient = await mongoose.mongo.MongoClient.connect(mongo.url);
    const { parsed } = await mongoClient.db('admin').command({ getCmdLineOpts: 1 });
    const redisClient = await createClient({ url: redis.url }).connect();
    redisClient.on('error', () => {});
    const { dir } = await redisClient.configGet('dir');
    const folders = [parsed.storage.dbPath as string, dir!];
    expect(folders.map((folder) => existsSync(folder))).toEqual([true, true]);
    await mongoClient.close();
    redisClient.destroy();

    await Promise.all([mongo.stop(), redis.stop()]);
    expect([mongo.pid, redis.pid].map(isAlive)).toEqual([false, false]);
    expect(folders.map((folder) => existsSync(folder))).toEqual([false, false]);
    await redis.stop(); // Once more does no harm.
    await redis.kill('SIGKILL');
  });

  it('stop when they are frozen', async () => {
    const redis = await startOwnRedis();
    await redis.kill('SIGSTOP');
    await redis.stop();
    expect(isAlive(redis.pid)).toBe(false);
  });

  it('are many at once, each with a port of its own', async () => {
    const servers = await Promise.all(Array.from({ length: 8 }, () => startOwnRedis()));
    expect(new Set(servers.map(({ port }) => port)).size).toBe(8);
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('get another port when theirs was taken before they came', async () => {
    const other = await startOwnRedis();
    const tried: number[] = [];
    const { process: server, port } = await startServer({
      name: 'redis-server',
      command: inject('servers')['redis-server'].found!.path,
      settings: (free, folder) => {
        const port = tried.length === 0 ? other.port : free;
        tried.push(port);
        return { port: String(port), bind: '127.0.0.1', logfile: join(folder, 'log'), save: '' };
      },
      ready: /Ready to accept connections/,
    });
    expect(tried).toEqual([other.port, port]);
    await server.stop();
    await other.stop();
  });

  it('say so when a fixed port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    for (const start of [startOwnRedis, startOwnMongo])
      await expect(start({ port })).rejects.toMatchObject({
        code: 'SERVER_START_FAILED',
        message: expect.stringMatching(new RegExp(`did not start: another process listens on port ${port}`)),
      });
    holder.close();
  });

  it('say so when they do not understand their arguments', async () => {
    const args = ['--petals', '5'];
    for (const start of [startOwnRedis, startOwnMongo])
      await expect(start({ args })).rejects.toThrow(/petals/);
  });
});

/** Its temporary folder is its own, so that everything it leaves can be seen. */
async function parent(how: string) {
  const temporary = await mkdtemp(join(sandbox, 'parent-'));
  const { MONGO_URI: _, REDIS_URL: __, ...env } = process.env;
  // As they are found here, wherever that is.
  const { mongod, 'redis-server': redisServer } = inject('servers');
  const child = execa(process.execPath, ['test/servers/fixtures/parent.mjs', how], {
    env: {
      ...env,
      TMPDIR: temporary,
      MONGOD_BINARY: mongod.found!.path,
      REDIS_SERVER_BINARY: redisServer.found!.path,
    },
    extendEnv: false,
    reject: false,
  });
  const left = async (): Promise<string[]> =>
    (await readdir(temporary)).filter((name) => name.startsWith('flora-server'));
  return { child, temporary, left };
}

describeWith(['mongod', 'redis-server'], 'the servers of a process', () => {
  it.each(['an error', 'process.exit', 'its natural end', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'])(
    'go when it ends by %s',
    async (how) => {
      const { child, left } = await parent(how);
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const pids = JSON.parse(line) as number[];
      if (how.startsWith('SIG')) child.kill(how as NodeJS.Signals);
      await child;
      await eventually(() => !pids.some(isAlive));
      await eventually(async () => (await left()).length === 0);
      expect(pids).toHaveLength(2);
    },
  );

  it('go when it is killed while they start', async () => {
    const { child, temporary, left } = await parent('SIGKILL');
    await eventually(async () => (await left()).some((name) => existsSync(join(temporary, name, 'output'))));
    child.kill('SIGKILL');
    await child;
    await eventually(async () => (await left()).length === 0);
    expect(child.exitCode).toBeNull();
  });
});
