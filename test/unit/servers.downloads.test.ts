import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Download, DownloadPlace } from '../../src/flora/servers/download-place.js';
import { mongodFromLibrary } from '../../src/flora/servers/mongod-download.js';
import { find, type Found } from '../../src/flora/servers/place.js';
import { MONGO_TOOLS, MONGOD, type Program } from '../../src/flora/servers/program.js';
import { fromToolsArchive, toolsArchive } from '../../src/flora/servers/tools-archive.js';

/** The vendor's site may be out of reach, so one of our own hands out an archive of the same shape. */
let sandbox: string;
let site: Server;
let address: string;
let sha256: string;
const NAME = 'mongodb-database-tools-test-100.14.0';

beforeAll(async () => {
  sandbox = await mkdtemp(join(tmpdir(), 'flora-test-'));
  await mkdir(join(sandbox, NAME, 'bin'), { recursive: true });
  const programs = {
    mongod: 'db version v8.2.6',
    mongodump: 'version: 100.14.0',
    mongorestore: 'version: 100.14.0',
  };
  for (const [program, version] of Object.entries(programs)) {
    await writeFile(join(sandbox, NAME, 'bin', program), `#!/bin/sh\necho "${version}"\n`);
    await chmod(join(sandbox, NAME, 'bin', program), 0o755);
  }
  await execa('tar', ['-czf', `${NAME}.tgz`, NAME], { cwd: sandbox });
  const archive = await readFile(join(sandbox, `${NAME}.tgz`));
  sha256 = createHash('sha256').update(archive).digest('hex');
  site = createServer(({ url = '' }, response) => {
    if (url.startsWith('/gone')) response.writeHead(404).end();
    else if (url.endsWith('.tgz')) response.end(archive);
    else response.end(createHash('md5').update(archive).digest('hex'));
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
});

afterAll(async () => {
  site.closeAllConnections();
  await new Promise((resolve) => site.close(resolve));
  await rm(sandbox, { recursive: true });
});

async function get(program: Program, download: Download, env = {}): Promise<Found & { cached: string[] }> {
  const cache = await mkdtemp(join(sandbox, 'cache-'));
  const settings = { ...env, PATH: process.env['PATH'], XDG_CACHE_HOME: cache };
  const found = await find(program, [new DownloadPlace('a site', program, download, settings)]);
  return { ...found, cached: (await readdir(join(cache, 'flora-shop'))).sort() };
}

describe('the archive of the MongoDB tools', () => {
  it('becomes tools in the cache', async () => {
    const archive = { url: `${address}/${NAME}.tgz`, sha256 };
    expect(await get(MONGO_TOOLS, fromToolsArchive(archive))).toMatchObject({
      version: '100.14.0',
      from: 'a site',
      cached: ['mongodump', 'mongorestore'],
    });
  });

  it('is refused when its bytes are others than expected', async () => {
    const archive = { url: `${address}/${NAME}.tgz`, sha256: '0'.repeat(64) };
    await expect(get(MONGO_TOOLS, fromToolsArchive(archive))).rejects.toThrow(/its sha256 differs/);
  });

  it('that is gone says so', async () => {
    const archive = { url: `${address}/gone`, sha256 };
    await expect(get(MONGO_TOOLS, fromToolsArchive(archive))).rejects.toThrow(/HTTP 404/);
  });

  it('is known for Linux and macOS on x64 and arm64, and nothing else is guessed', () => {
    for (const machine of ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'])
      expect(toolsArchive(machine)?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(toolsArchive('sunos-sparc')).toBeUndefined();
  });
});

describe('mongodb-memory-server', () => {
  const ANY_LINUX = { MONGOMS_DISTRO: 'ubuntu-22.04', MONGOMS_USE_HTTP: 'true' };

  it('brings a mongod into the cache', async () => {
    const mirror = { ...ANY_LINUX, MONGOMS_DOWNLOAD_MIRROR: address };
    expect(await get(MONGOD, mongodFromLibrary, mirror)).toMatchObject({
      version: '8.2.6',
      cached: ['mongod'],
    });
  });

  it('that brings nothing says why, in one line', async () => {
    const mirror = { ...ANY_LINUX, MONGOMS_DOWNLOAD_MIRROR: `${address}/gone` };
    await expect(get(MONGOD, mongodFromLibrary, mirror)).rejects.toThrow(
      /^MongoDB can't be had \(a site: .*404.*$/,
    );
  });
});
