import { cp, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

const REPOSITORY = 'https://github.com/Automattic/mongoose.git';
/** What its tests load; the rest of its development dependencies builds its website and checks its types. */
const NEEDED = [
  'ajv',
  'lodash.isequal',
  'lodash.isequalwith',
  'mocha',
  'moment',
  'mongodb-memory-server',
  'sinon',
  'uuid',
];
const LIBRARY = ['index.js', 'lib', 'types'];

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

export interface Suite {
  folder: string;
  /** Of the library that is tested: the installed one. */
  version: string;
  /** Where its tests are from. */
  tag: string;
}

/**
 * Mongoose's tests in `folder`, and what they need: the tests are those of its repository at the tag of the
 * installed version, the library is the installed one, in a copy and with a driver of its own.
 *
 * MONGOOSE_SUITE_REPOSITORY names another place to clone from (a path or a URL), MONGOOSE_SUITE_TAG another tag.
 */
export async function checkOut(folder: string, env = process.env): Promise<Suite> {
  const installed = dirname(createRequire(import.meta.url).resolve('mongoose/package.json'));
  const { version, dependencies } = await readManifest(installed);
  const repository = env.MONGOOSE_SUITE_REPOSITORY || REPOSITORY;
  const tag = env.MONGOOSE_SUITE_TAG || version;
  try {
    await execa('git', [
      'clone',
      '--quiet',
      '--depth',
      '1',
      '--branch',
      tag,
      '--',
      asUrl(repository),
      folder,
    ]);
  } catch (cause) {
    throw new Error(
      `Mongoose ${tag} could not be cloned from ${repository}. MONGOOSE_SUITE_REPOSITORY names another ` +
        'repository (a path or a URL), MONGOOSE_SUITE_TAG another tag.',
      { cause },
    );
  }
  const manifest = await readManifest(folder);
  const devDependencies = Object.fromEntries(
    Object.entries(manifest.devDependencies).filter(([name]) => NEEDED.includes(name)),
  );
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ ...manifest, version, dependencies, devDependencies }, undefined, 2),
  );
  const arguments_ = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'];
  await execa('npm', arguments_, { cwd: folder });
  const second = join(folder, 'node_modules/mongoose-separate-require-instance');
  for (const place of [folder, second]) {
    for (const name of LIBRARY)
      await cp(join(installed, name), join(place, name), { recursive: true, force: true });
  }
  await cp(join(folder, 'package.json'), join(second, 'package.json'));
  return { folder, version, tag };
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Of a path git would copy the whole history. */
const asUrl = (repository: string): string =>
  repository.startsWith('/') ? `file://${repository}` : repository;
