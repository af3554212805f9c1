import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DownloadPlace } from '../../src/flora/servers/download-place.js';
import { find } from '../../src/flora/servers/place.js';
import { MONGO_TOOLS } from '../../src/flora/servers/program.js';
import { fromToolsArchive, toolsArchive, type ToolsArchive } from '../../src/flora/servers/tools-archive.js';

/** The vendor's site cannot be relied on here, so a site of our own hands out an archive of the same shape. */
describe('the archive of the MongoDB tools', () => {
  const name = 'mongodb-database-tools-test-100.14.0';
  let sandbox: string;
  let site: Server;
  let archive: ToolsArchive;

  beforeAll(async () => {
    sandbox = await mkdtemp(join(tmpdir(), 'flora-test-'));
    await mkdir(join(sandbox, name, 'bin'), { recursive: true });
    for (const tool of MONGO_TOOLS.files) {
      const path = join(sandbox, name, 'bin', tool);
      await writeFile(path, `#!/bin/sh\necho "${tool} version: 100.14.0"\n`);
      await chmod(path, 0o755);
    }
    await execa('tar', ['-czf', `${name}.tgz`, name], { cwd: sandbox });
    const bytes = await readFile(join(sandbox, `${name}.tgz`));
    site = createServer(({ url }, response) => {
      if (url === `/${name}.tgz`) response.end(bytes);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const { port } = site.address() as AddressInfo;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    archive = { url: `http://127.0.0.1:${port}/${name}.tgz`, sha256 };
  });

  afterAll(async () => {
    await new Promise((resolve) => site.close(resolve));
    await rm(sandbox, { recursive: true });
  });

  const get = async (archive: ToolsArchive) => {
    const env = { PATH: process.env['PATH'], XDG_CACHE_HOME: await mkdtemp(join(sandbox, 'cache-')) };
    return find(MONGO_TOOLS, [new DownloadPlace('MongoDB', MONGO_TOOLS, fromToolsArchive(archive), env)]);
  };

  it('becomes tools in the cache', async () => {
    expect(await get(archive)).toMatchObject({ version: '100.14.0', from: 'MongoDB' });
  });

  it('is refused when its bytes are others than expected', async () => {
    await expect(get({ ...archive, sha256: '0'.repeat(64) })).rejects.toThrow(/its sha256 differs/);
  });

  it('that is gone says so', async () => {
    await expect(get({ ...archive, url: `${archive.url}.gone` })).rejects.toThrow(/HTTP 404/);
  });

  it('is known for Linux and macOS on x64 and arm64, and nothing else is guessed', () => {
    for (const machine of ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'])
      expect(toolsArchive(machine)?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(toolsArchive('sunos-sparc')).toBeUndefined();
  });
});
