import { basename, join } from 'node:path';
import type { Download } from './download-place.js';
import { checkSha256 } from './checksum.js';
import { fill } from './filling.js';

/** An archive of the MongoDB Database Tools, as the vendor publishes it. */
export interface ToolsArchive {
  url: string;
  sha256: string;
}

const NAME = 'mongodb-database-tools';
const VERSION = '100.14.0';

/** By platform and architecture; where no checksum is known, there is no download. */
const ARCHIVES: Partial<Record<string, { build: string; sha256: string }>> = {
  'linux-x64': {
    build: `ubuntu2204-x86_64-${VERSION}.tgz`,
    sha256: '4104998bda784a0cb16fc2e06d9c21645516d72c4fb481c9b103f1e0a8458fc0',
  },
  'linux-arm64': {
    build: `ubuntu2204-arm64-${VERSION}.tgz`,
    sha256: 'ef2945973b7e9c0f95d25dc607d420b0b07c486a675937ac9723b32f56ce718d',
  },
  'darwin-x64': {
    build: `macos-x86_64-${VERSION}.zip`,
    sha256: '446485dea4709dd39100364b530305195d2441730982f705051c538d2eff17d6',
  },
  'darwin-arm64': {
    build: `macos-arm64-${VERSION}.zip`,
    sha256: '69ee5a9cc8afd6373ca0723d2c62c7a272c9e629803a361e2f63e61fd32df65e',
  },
};

/** The archive for this machine, if there is one whose checksum is known. */
export function toolsArchive(machine = `${process.platform}-${process.arch}`): ToolsArchive | undefined {
  const archive = ARCHIVES[machine];
  return (
    archive && { url: `https://fastdl.mongodb.org/tools/db/${NAME}-${archive.build}`, sha256: archive.sha256 }
  );
}

/** In a process of its own, so that a silent network is noticed as with every other download. */
const SCRIPT = `
  const [url, path] = process.argv.slice(1);
  fetch(url).then(
    ({ ok, status, body }) => ok ? require('fs/promises').writeFile(path, body) : Promise.reject(Error('HTTP ' + status)),
  ).catch(({ message, cause }) => {
    process.stderr.write(cause ? cause.message : message);
    process.exitCode = 1;
  });`;

export function fromToolsArchive(archive = toolsArchive()): Download {
  return async (folder, env) => {
    if (archive === undefined)
      throw new Error(`no archive is known for ${process.platform} on ${process.arch}`);
    const path = join(folder, basename(archive.url));
    await fill(folder, process.execPath, ['-e', SCRIPT, archive.url, path], env);
    await checkSha256(path, archive.sha256);
    // The tar of macOS unpacks zip files too.
    await fill(folder, 'tar', ['-xf', path, '-C', folder], env);
    return join(folder, basename(path).replace(/\.(tgz|zip)$/, ''), 'bin');
  };
}
