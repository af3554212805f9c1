import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../src/flora/servers/cache-folder.js';
import { type Download, DownloadPlace } from '../../src/flora/servers/download-place.js';
import { fill } from '../../src/flora/servers/filling.js';
import { described, find, Place } from '../../src/flora/servers/place.js';
import type { Program } from '../../src/flora/servers/program.js';
import {
  findMongod,
  findMongoTools,
  mongodPlaces,
  mongoToolsPlaces,
  redisServerPlaces,
} from '../../src/flora/servers/resolve.js';
import { ProgramNotFoundError } from '../../src/flora/servers/servers.errors.js';

let sandbox: string;
beforeAll(async () => {
  sandbox = await mkdtemp(join(tmpdir(), 'flora-test-'));
});
afterAll(() => rm(sandbox, { recursive: true }));

const newFolder = (): Promise<string> => mkdtemp(join(sandbox, 'folder-'));

/** A program that says its version when it is asked, and no more. */
async function putScript(folder: string, name: string, output: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `#!/bin/sh\n${output}\n`);
  await chmod(join(folder, name), 0o755);
}

const VASE: Program = { product: 'Vase', files: ['vase'], oldest: '2.0.0', advice: 'buy a vase' };

class FakePlace extends Place {
  looked = 0;
  constructor(
    readonly name: string,
    private readonly answer: string | Error,
    override readonly isSlow = false,
  ) {
    super();
  }
  async look(): Promise<string> {
    this.looked++;
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }
}

const names = (places: readonly Place[]): string[] => places.map(({ name }) => name);

const anyVersion = async (): Promise<string> => '2.1.0';

describe('the order of the search', () => {
  it('takes the first place that has it, and does not look further', async () => {
    const last = new FakePlace('the shop', '/shop/vase');
    const places = [
      new FakePlace('the cupboard', new Error('it is empty')),
      new FakePlace('the attic', '/attic/vase'),
      last,
    ];
    const found = await find(VASE, places, undefined, anyVersion);
    expect(found).toEqual({ program: VASE, path: '/attic/vase', version: '2.1.0', from: 'the attic' });
    expect(last.looked).toBe(0);
    expect(described(found)).toBe('Vase 2.1.0 (vase from the attic)');
  });

  it('passes over one that does not run', async () => {
    const found = await find(
      VASE,
      [new FakePlace('a', '/broken'), new FakePlace('b', '/whole')],
      undefined,
      async (_, path) => {
        if (path === '/broken') throw new Error('it has a hole');
        return '2.0.0';
      },
    );
    expect(found.path).toBe('/whole');
  });

  it('says in one message what was tried and what to do when there is none', async () => {
    const places = [
      new FakePlace('PATH', new Error('there is no vase')),
      new FakePlace('the shop', new Error('it is closed')),
    ];
    const error = await find(VASE, places).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ProgramNotFoundError);
    expect(error).toMatchObject({
      code: 'PROGRAM_NOT_FOUND',
      message: "Vase can't be had (PATH: there is no vase; the shop: it is closed); buy a vase.",
    });
  });

  it('tells of a place that takes long before it looks there', async () => {
    const lines: string[] = [];
    await find(VASE, [new FakePlace('the far shop', '/vase', true)], (line) => lines.push(line), anyVersion);
    expect(lines).toEqual(['Vase: trying the far shop …']);
  });

  it('is PATH, local cache, download by a library or from the vendor, Python package index', () => {
    expect(names(mongodPlaces({}))).toEqual([
      'PATH',
      'the local cache',
      'a download by mongodb-memory-server',
      'the Python package index',
    ]);
    expect(names(redisServerPlaces({}))).toEqual(['PATH', 'the local cache', 'the Python package index']);
    expect(names(mongoToolsPlaces({}))).toEqual(['PATH', 'the local cache', 'a download from MongoDB']);
  });

  it('is the named place alone where a variable names one', () => {
    expect(names(mongodPlaces({ MONGOD_BINARY: '/a' }))).toEqual(['MONGOD_BINARY']);
    expect(names(redisServerPlaces({ REDIS_SERVER_BINARY: '/a' }))).toEqual(['REDIS_SERVER_BINARY']);
    expect(names(mongoToolsPlaces({ MONGO_TOOLS_DIR: '/a' }))).toEqual(['MONGO_TOOLS_DIR']);
  });
});

describe('a search on this machine', () => {
  it('takes the file or the folder that a variable names, under any file name', async () => {
    const folder = await newFolder();
    await putScript(folder, 'mongod', 'echo "db version v7.0.1"');
    await putScript(folder, 'mongod-eight', 'echo "db version v8.0.4"');
    expect((await findMongod({ env: { MONGOD_BINARY: folder } })).version).toBe('7.0.1');
    expect((await findMongod({ env: { MONGOD_BINARY: join(folder, 'mongod-eight') } })).version).toBe(
      '8.0.4',
    );
  });

  it('fails when the named one is not there, whatever is elsewhere', async () => {
    const folder = await newFolder();
    await putScript(folder, 'mongod', 'echo "db version v7.0.1"');
    const search = findMongod({ env: { MONGOD_BINARY: join(folder, 'nothing'), PATH: folder } });
    await expect(search).rejects.toThrow(/MONGOD_BINARY: there is no mongod/);
  });

  it('goes on to the next folder of PATH when one holds only half of the tools', async () => {
    const [half, whole] = [await newFolder(), await newFolder()];
    await putScript(half, 'mongodump', 'echo "mongodump version: 100.1.0"');
    for (const tool of ['mongodump', 'mongorestore'])
      await putScript(whole, tool, `echo "${tool} version: 100.9.4"`);
    const found = await findMongoTools({ env: { PATH: `${half}:${whole}:/usr/bin:/bin` } });
    expect(found).toMatchObject({ path: join(whole, 'mongodump'), version: '100.9.4', from: 'PATH' });
  });

  it('passes over a program that is too old for the cache in favour of the cached one', async () => {
    const [path, home] = [await newFolder(), await newFolder()];
    await putScript(path, 'mongod', 'echo "db version v3.6.23"');
    await putScript(join(home, '.cache', 'flora-shop'), 'mongod', 'echo "db version v6.0.5"');
    const found = await findMongod({ env: { PATH: path, HOME: home } });
    expect(found).toMatchObject({ version: '6.0.5', from: 'the local cache' });
  });

  it('says why a program does not run', async () => {
    const folder = await newFolder();
    await putScript(folder, 'mongod', 'echo "libcurl.so.4: cannot open shared object file" >&2; exit 127');
    await expect(findMongod({ env: { MONGOD_BINARY: folder } })).rejects.toThrow(
      /mongod does not run on this machine \(libcurl\.so\.4: cannot open/,
    );
  });
});

describe('the cache folder', () => {
  it('is in XDG_CACHE_HOME, else in the home', async () => {
    const [cache, home] = [await newFolder(), await newFolder()];
    expect(await cacheFolder({ XDG_CACHE_HOME: cache, HOME: home })).toBe(join(cache, 'flora-shop'));
    expect(await cacheFolder({ HOME: home })).toBe(join(home, '.cache', 'flora-shop'));
    expect(await cacheFolder({ XDG_CACHE_HOME: 'not/absolute', HOME: home })).toBe(
      join(home, '.cache', 'flora-shop'),
    );
  });

  it.each([
    ['is unset', {}],
    ['is empty', { HOME: '' }],
    ["can't be written", { HOME: '/dev/null' }],
  ])('is a private one in the temporary folder when the home %s', async (_, env) => {
    const TMPDIR = await newFolder();
    const folder = await cacheFolder({ ...env, TMPDIR });
    expect(folder.startsWith(TMPDIR)).toBe(true);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await cacheFolder({ ...env, TMPDIR })).toBe(folder);
  });

  it('is refused when others could put programs there', async () => {
    const TMPDIR = await newFolder();
    await chmod(await cacheFolder({ TMPDIR }), 0o777);
    await expect(cacheFolder({ TMPDIR })).rejects.toThrow(/can be written by others/);
  });
});

const download =
  (script: string): Download =>
  async (folder) => {
    await putScript(join(folder, 'unpacked'), 'vase', script);
    return join(folder, 'unpacked');
  };

describe('a download', () => {
  it('is in the cache afterwards, with nothing beside it', async () => {
    const home = await newFolder();
    const path = await new DownloadPlace('shop', VASE, download('echo 2.5.0'), {
      XDG_CACHE_HOME: home,
    }).look();
    expect(path).toBe(join(home, 'flora-shop', 'vase'));
    expect(await readdir(join(home, 'flora-shop'))).toEqual(['vase']);
  });

  it.each([
    ['does not run', 'exit 1'],
    ['is too old', 'echo 1.9.9'],
  ])('never gets into the cache when what it brought %s', async (_, script) => {
    const home = await newFolder();
    const place = new DownloadPlace('shop', VASE, download(script), { XDG_CACHE_HOME: home });
    await expect(place.look()).rejects.toThrow(/vase does not run|too old/);
    expect(await readdir(join(home, 'flora-shop'))).toEqual([]);
  });

  it('may happen many times at once: all get a whole program', async () => {
    const env = { XDG_CACHE_HOME: await newFolder(), PATH: '/usr/bin:/bin' };
    const script = `# ${'x'.repeat(100_000)}\necho 2.5.0`;
    const searches = Array.from({ length: 8 }, () =>
      find(VASE, [new DownloadPlace('shop', VASE, download(script), env)]),
    );
    for (const found of await Promise.all(searches)) expect(found.version).toBe('2.5.0');
    expect(await readdir(join(env.XDG_CACHE_HOME, 'flora-shop'))).toEqual(['vase']);
  });

  it('clears away what a killed one left long ago, not what another is busy with', async () => {
    const home = await newFolder();
    const [old, busy] = [
      join(home, 'flora-shop', 'unfinished-old'),
      join(home, 'flora-shop', 'unfinished-busy'),
    ];
    for (const folder of [old, busy]) await mkdir(folder, { recursive: true });
    await utimes(old, new Date(0), new Date(0));
    await new DownloadPlace('shop', VASE, download('echo 2.5.0'), { XDG_CACHE_HOME: home }).look();
    expect((await readdir(join(home, 'flora-shop'))).sort()).toEqual(['unfinished-busy', 'vase']);
  });

  it('is given up when nothing arrives', async () => {
    const filling = fill(await newFolder(), 'sleep', ['600'], { PATH: process.env['PATH'] }, 300);
    await expect(filling).rejects.toThrow('nothing arrived for 0.3 s');
  });
});
