import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import type { BackupModuleOptions } from '../../../src/backup/backup.options.js';
import { bestCodec } from '../../../src/backup/compression.js';
import { describeWith } from '../../servers/index.js';
import { contentOf, failureOf, folder, ground, plantShop } from './ground.js';
import { processes } from './processes.js';

const key = randomBytes(32);
const spellings = [key.toString('hex'), key.toString('base64'), key.toString('base64url')];
const by = (id: string, bytes = key): BackupModuleOptions => ({
  encryption: { keys: [{ id, key: bytes.toString('base64') }] },
});

describeWith(['mongo', 'tools'], 'an encrypted backup', () => {
  it.each([...new Set([bestCodec(), 'gzip', 'none'] as const)])(
    'comes back whole, packed by %s before',
    async (codec) => {
      const { db, service } = await ground({ ...by('spring'), compression: { codec } });
      await plantShop(db);
      const before = await contentOf(db);

      const backup = await service.createBackup();
      await db.dropDatabase();
      await service.restoreBackup(backup.id);

      expect(await contentOf(db)).toEqual(before);
      expect(backup.keyId).toBe('spring');
      expect(await service.getBackup(backup.id)).toEqual(backup);
      expect(await service.verifyBackup(backup.id)).toMatchObject({ good: true, documents: 2_500 });
    },
  );

  it('shows no document, and its key is nowhere: not in files, errors, logs, argv or environments', async () => {
    const { db, service, directory, another } = await ground({
      ...by('spring'),
      compression: { codec: 'none' },
    });
    await plantShop(db);
    const seen: string[] = [];
    const watch = async (): Promise<void> => {
      for (const { pid, parent } of await processes())
        if (parent === process.pid)
          for (const file of ['cmdline', 'environ'])
            seen.push(await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => ''));
    };
    const watching: Promise<void>[] = [];
    const { id } = await service.createBackup({ onProgress: () => void watching.push(watch()) });
    await Promise.all(watching);

    const wrong = await another(by('spring', randomBytes(32)));
    const texts = [
      ...seen,
      inspect(await failureOf(wrong.restoreBackup(id)), { depth: 12, showHidden: true }),
      inspect(service, { depth: 12, showHidden: true }),
    ];
    for (const name of await readdir(join(directory, id))) {
      const bytes = await readFile(join(directory, id, name));
      expect(bytes.includes(key)).toBe(false);
      expect([name, bytes.includes('flower 1')]).toEqual([name, false]);
      texts.push(bytes.toString('latin1'));
    }
    for (const text of texts) for (const spelling of spellings) expect(text).not.toContain(spelling);
  });

  it('is read by a service that has its key among newer ones; without it, or with a wrong one, nothing is touched', async () => {
    const { db, service, another } = await ground(by('old'));
    await plantShop(db);
    const { id } = await service.createBackup();
    const rotated = await another({
      encryption: {
        keys: [
          { id: 'new', key: randomBytes(32) },
          { id: 'old', key: () => key },
        ],
      },
    });
    const cases = [
      ['KEY_NOT_FOUND', await another({ encryption: false })],
      ['KEY_NOT_FOUND', await another(by('new'))],
      ['KEY_WRONG', await another(by('old', randomBytes(32)))],
      ['KEY_INVALID', await another({ encryption: { keys: [{ id: 'old', file: '/nonexistent' }] } })],
    ] as const;
    const before = await contentOf(db);
    for (const [code, other] of cases) {
      for (const options of [{ force: true }, { force: true, dryRun: true }])
        expect(await failureOf(other.restoreBackup(id, options))).toMatchObject({ code });
      expect(await failureOf(other.verifyBackup(id))).toMatchObject({ code });
      expect(await other.verifyBackup(id, { level: 'hash' })).toMatchObject({ good: true });
      expect((await other.getBackup(id)).status).toBe('good');
    }
    expect(await contentOf(db)).toEqual(before);

    await db.collection('products').deleteMany({});
    await rotated.restoreBackup(id, { force: true });
    expect(await contentOf(db)).toEqual(before);
    expect((await rotated.createBackup()).keyId).toBe('new');
  });

  it('is decrypted without this package, as docs/backup-format.md has it', async () => {
    const { db, service, directory } = await ground({ ...by('spring'), compression: { codec: 'none' } });
    await plantShop(db);
    const { id } = await service.createBackup();
    const place = await folder();
    const docs = await readFile(join(import.meta.dirname, '../../../docs/backup-format.md'), 'utf8');
    await writeFile(join(place, 'decrypt.mjs'), /```js\n(.*?)```/s.exec(docs)![1]!);
    await writeFile(join(place, 'key'), `${key.toString('base64')}\n`);

    const { stdout } = await execa('node', [join(place, 'decrypt.mjs'), join(place, 'key')], {
      inputFile: join(directory, id, 'archive.enc'),
      encoding: 'buffer',
      maxBuffer: 1e8,
    });

    const manifest = JSON.parse(await readFile(join(directory, id, 'manifest.json'), 'utf8'));
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(manifest.archive.plain.sha256);
  });

  it('is not made when its key can not be had', async () => {
    const { db, service, files } = await ground({
      encryption: { keys: [{ id: 'a', env: 'FLORA_NOT_SET' }] },
    });
    await plantShop(db);
    expect(await failureOf(service.createBackup())).toMatchObject({ code: 'KEY_INVALID' });
    expect(await files()).toEqual([]);
  });
});

/** A sample here; `FAULT_FULL=1` flips 1,200 bits. */
const FLIPS = process.env['FAULT_FULL'] ? 600 : 24;

describeWith(['mongo', 'tools'], 'one flipped bit', () => {
  it.each([
    ['a plain one', {}],
    ['an encrypted one', by('spring')],
  ] as [string, BackupModuleOptions][])(
    `anywhere in a backup, %s, is found by verifying it`,
    async (_, options) => {
      const { db, service, directory } = await ground(options);
      await plantShop(db);
      const { id } = await service.createBackup();
      const random = seeded(20_260_314);
      for (let flip = 0; flip < FLIPS; flip++) {
        const names = await readdir(join(directory, id));
        // As many in the manifest as in the archive, for all its size.
        const path = join(directory, id, names[flip % names.length]!);
        const bytes = await readFile(path);
        const bit = Math.floor(random() * bytes.length * 8);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        await writeFile(path, bytes);

        const found = await service.verifyBackup(id).catch(({ code }: { code: string }) => ({ good: code }));
        expect([path, bit, found.good]).toEqual([
          path,
          bit,
          expect.toSatisfy((good) => good === false || String(good).startsWith('BACKUP_')),
        ]);

        bytes[bit >> 3]! ^= 1 << (bit & 7);
        await writeFile(path, bytes);
      }
      expect(await service.verifyBackup(id)).toMatchObject({ good: true });
    },
    process.env['FAULT_FULL'] ? 600_000 : undefined,
  );
});

/** Numbers from 0 to 1 that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
