import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith, mongo, redis, tools, unique } from '../servers/index.js';

interface Manifest {
  version: string;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
  devDependencies: Record<string, string>;
}

/** Adding to these is a decision, taking away a breaking one. */
const PUBLIC_NAMES = [
  'BackupDraft',
  'BackupError',
  'BackupModule',
  'BackupScheduler',
  'BackupService',
  'BackupStorage',
  'CACHE_MANAGER',
  'CacheCounterError',
  'CacheEvict',
  'CacheKey',
  'CacheKeyError',
  'CacheMethodError',
  'CacheModule',
  'CacheOptionsError',
  'CacheResponse',
  'CacheService',
  'CacheTTL',
  'CacheTags',
  'CacheUnavailableError',
  'CacheValueError',
  'CacheVary',
  'Cacheable',
  'Clock',
  'DurationError',
  'EnvironmentError',
  'FloraError',
  'HttpCache',
  'HttpCacheInterceptor',
  'HttpCacheOptionsError',
  'Lock',
  'MONGOOSE_CACHE_OPTIONS',
  'MongooseCachePlugin',
  'NoCache',
  'QueryCacheError',
  'ScheduledBackup',
  'StoredBackup',
  'SwapFailedError',
  'SystemClock',
  'TargetNotEmptyError',
  'cacheDefaults',
  'createBackupService',
  'createCache',
  'createHttpCache',
  'model',
  'provideCacheManager',
  'validateEnvironment',
];

const root = join(import.meta.dirname, '../..');

/** What somebody has who installs the packed tarball: not this checkout, and no optional peer unless they asked. */
describeWith(['mongo', 'redis'], 'The packed package', () => {
  let folder: string;
  let manifest: Manifest;
  let files: string[];
  const node = (...args: string[]) => execa('node', args, { cwd: folder });
  const install = (names: readonly string[]) =>
    execa(
      'npm',
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--prefer-offline',
        ...names.map((name) => `${name}@${manifest.devDependencies[name]}`),
      ],
      { cwd: folder },
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flora-package-'));
    manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
    const { stdout } = await execa(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
      {
        cwd: root,
      },
    );
    const packed = JSON.parse(stdout) as
      | { filename: string; files: { path: string }[] }[]
      | Record<string, { filename: string; files: { path: string }[] }>;
    const [tarball] = Object.values(packed);
    if (!tarball) throw new Error('npm pack made nothing');
    files = tarball.files.map(({ path }) => path);

    const { peerDependencies, peerDependenciesMeta, devDependencies } = manifest;
    const required = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
    const versions = (names: string[]) =>
      Object.fromEntries(names.map((name) => [name, devDependencies[name] ?? peerDependencies[name]]));
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({
        name: 'third-party',
        private: true,
        type: 'module',
        dependencies: { '@flora-shop/backend': `file:${tarball.filename}`, ...versions(required) },
      }),
    );
    await execa('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('holds the library, its types and its documents, and nothing of the demo or the tests', () => {
    for (const path of ['dist/index.js', 'dist/index.d.ts', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
      expect(files).toContain(path);
    }
    expect(
      files.filter((path) => /flora\/|test|\.env|\.tsbuildinfo/.test(path.replace(/^dist\//, ''))),
    ).toEqual([]);
  });

  it('loads without any optional peer, by import and by require, as one and the same', async () => {
    const { stdout } = await node(
      '--input-type=module',
      '-e',
      `import { createRequire } from 'node:module';
       const required = createRequire(import.meta.url)('@flora-shop/backend');
       const imported = await import('@flora-shop/backend');
       console.log(required.BackupService === imported.BackupService && required.CacheService === imported.CacheService);
       console.log(Object.keys(imported).sort().join());`,
    );
    const [same, names] = stdout.split('\n');
    expect(same).toBe('true');
    expect(names?.split(',')).toEqual(PUBLIC_NAMES);
  });

  it.each(['mongoose', 'mongoose-8'])(
    'has types that hold with %s, libraries checked: cached queries compile, and misuse does not',
    async (version) => {
      await install(['@types/node', 'typescript', version]);
      const queries = await readFile(join(root, 'test/types/cached-queries.ts'), 'utf8');
      const types = join(folder, `types-${version}`);
      await mkdir(types);
      await writeFile(
        join(types, 'queries.ts'),
        queries.replace("'../../src/index.js'", "'@flora-shop/backend'"),
      );
      const compilerOptions = {
        target: 'ES2023',
        module: 'nodenext',
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        experimentalDecorators: true,
        skipLibCheck: false,
        noEmit: true,
        paths: { mongoose: [`../node_modules/${version}/types/index.d.ts`] },
      };
      await writeFile(
        join(types, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['queries.ts'] }),
      );
      const { stdout } = await execa('node', ['node_modules/typescript/bin/tsc', '-p', types], {
        cwd: folder,
        reject: false,
      });
      expect(stdout).toBe('');
    },
  );

  it('brings the command flora-backup, which needs nothing but its environment', async () => {
    const uri = mongo();
    // Without the MongoDB tools, the driver alone.
    const env = { MONGO_URI: uri, BACKUP_DIR: join(folder, 'of the command'), BACKUP_ENGINE: 'driver' };
    const command = (...args: string[]) =>
      execa(join(folder, 'node_modules/.bin/flora-backup'), args, { cwd: folder, env });
    expect((await command('--version')).stdout).toBe(manifest.version);
    expect((await command('list', '--json')).stdout).toBe('[]');

    const client = await mongoose.mongo.MongoClient.connect(uri);
    const roses = client.db().collection<{ _id: string }>('roses');
    await roses.insertMany([{ _id: 'red' }, { _id: 'white' }]);
    const { id } = JSON.parse((await command('create', '--json')).stdout) as { id: string };
    await roses.deleteOne({ _id: 'red' });
    expect((await command('verify', id, '--level', 'restore')).stdout).toContain(`${id} is good`);
    await command('restore', id, '--force');
    expect(await roses.countDocuments()).toBe(2);
    await client.db().dropDatabase();
    await client.close();
  });

  it("carries a third party's Nest app: compiled under strict types, run against real servers", async () => {
    await cp(join(import.meta.dirname, 'fixtures/third-party-app'), join(folder, 'app'), { recursive: true });
    await install(['@nestjs/mongoose', '@nestjs/platform-express', '@types/node', 'typescript']);
    await node('node_modules/typescript/bin/tsc', '-p', 'app');
    const { url, namespace } = redis();
    const backups = join(folder, 'backups');
    await mkdir(backups);
    let toolsDir = '';
    try {
      toolsDir = tools();
    } catch {
      // its backup is then left out, as the reason printed by the test run says
    }
    const uri = mongo();
    const { stdout } = await execa('node', ['app/out/app.js'], {
      cwd: folder,
      env: {
        REDIS_URL: url,
        MONGO_URI: uri,
        MONGO_TOOLS_DIR: toolsDir,
        TEST_NAMESPACE: namespace,
        TEST_BACKUPS: backups,
        TEST_TOOLS: toolsDir,
        TEST_RUN: unique(),
      },
    });
    const said = JSON.parse(stdout.split('\n').at(-1) as string) as Record<string, never>;
    expect(said).toMatchObject({
      first: { name: 'glass', runs: 1, cheap: 1, total: 30 },
      second: { name: 'glass', runs: 1, cheap: 1, total: 30 },
      added: 2,
      third: { name: 'glass', runs: 2, cheap: 2, total: 50 },
      listed: toolsDir ? [said['backup']] : [],
    });
  });
});
