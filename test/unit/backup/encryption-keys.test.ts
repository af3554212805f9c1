import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupOptions } from '../../../src/backup/backup.options.js';
import { type EncryptionKey, EncryptionKeys } from '../../../src/backup/encryption/encryption-keys.js';
import { validateEnvironment } from '../../../src/environment.js';

const key = randomBytes(32);
const hex = key.toString('hex');
const base64 = key.toString('base64');
const keys = (...given: EncryptionKey[]): EncryptionKeys =>
  new EncryptionKeys(given, (name) => ({ BACKUP_KEY: base64, EMPTY: '' })[name]);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flora-test-'));
  for (const [name, content] of Object.entries({
    raw: key,
    hex: `${hex}\n`,
    base64: `${base64}\n`,
    bad: 'rose',
  }))
    await writeFile(join(folder, name), content);
});
afterAll(() => rm(folder, { recursive: true }));

describe('an encryption key', () => {
  it('is had from a text, bytes, a function, a file, or a variable', async () => {
    const given: Omit<EncryptionKey, 'id'>[] = [
      { key: hex },
      { key: hex.toUpperCase() },
      { key: base64 },
      { key: key.toString('base64url') },
      { key },
      { key: () => base64 },
      { key: async () => key },
      { file: join(folder, 'raw') },
      { file: join(folder, 'hex') },
      { file: join(folder, 'base64') },
      { env: 'BACKUP_KEY' },
    ];
    for (const source of given)
      expect(Buffer.from((await keys({ id: 'a', ...source }).current())!.key).equals(key)).toBe(true);
    expect(await keys().current()).toBeUndefined();
  });

  it('that can not be used is a typed error that shows nothing of it', async () => {
    const given: Omit<EncryptionKey, 'id'>[] = [
      { key: 'a secret that is too short' },
      { key: Buffer.from('a secret that is too short') },
      { key: Buffer.alloc(32) },
      { key: `${hex}00` },
      { key: () => Promise.reject(new Error('a secret that is too short')) },
      { file: join(folder, 'bad') },
      { file: join(folder, 'missing') },
      { file: folder },
      { env: 'EMPTY' },
      { env: 'NOWHERE' },
    ];
    for (const source of given) {
      const failure = await keys({ id: 'a', ...source })
        .current()
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'KEY_INVALID', message: expect.stringContaining('openssl') });
      expect(inspect(failure)).not.toMatch(/a secret|rose/);
      expect(inspect(failure)).not.toContain(hex.slice(0, 8));
    }
  });

  it('may be replaced by a new one, while what the old one encrypted can still be read', async () => {
    const old = await keys({ id: 'old', key: hex }).current();
    const rotated = keys({ id: 'new', key: randomBytes(32) }, { id: 'old', env: 'BACKUP_KEY' });
    expect((await rotated.current())!.id).toBe('new');
    expect(Buffer.from((await rotated.of(old!)).key).equals(key)).toBe(true);
  });

  it('that is missing, or another under the same id, is a typed error each', async () => {
    const mark = (await keys({ id: 'old', key: hex }).current())!;
    await expect(keys().of(mark)).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    await expect(keys({ id: 'new', key: hex }).of(mark)).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
      message: expect.stringMatching(/old.*new/),
    });
    await expect(keys({ id: 'old', key: randomBytes(32) }).of(mark)).rejects.toMatchObject({
      code: 'KEY_WRONG',
    });
  });

  it('is refused at once when the options do not name exactly one place to get it', () => {
    const wrong: unknown[] = [
      'x',
      [null],
      [{ key: hex }],
      [{ id: '../x', key: hex }],
      [{ id: 'a' }],
      [{ id: 'a', key: hex, file: 'x' }],
      [{ id: 'a', secret: hex }],
      [{ id: 'a', file: 7 }],
      [
        { id: 'a', key: hex },
        { id: 'a', key: hex },
      ],
    ];
    for (const given of wrong) {
      let failure: unknown;
      try {
        void new BackupOptions({ encryption: { keys: given as EncryptionKey[] } }, () => undefined);
      } catch (error) {
        failure = error;
      }
      expect(failure).toMatchObject({ code: 'INVALID_OPTIONS' });
      expect(inspect(failure)).not.toContain(hex.slice(0, 8));
    }
  });

  it('is never shown by its options', () => {
    const options = new BackupOptions({ encryption: { keys: [{ id: 'a', key: hex }] } }, () => undefined);
    expect(inspect(options, { depth: 12, showHidden: true })).not.toContain(hex);
    expect(JSON.stringify(options.keys)).not.toContain(hex);
  });

  it('may be named by the environment: BACKUP_KEYS, files by their ids', async () => {
    const list = `new=${join(folder, 'raw')}, old=${join(folder, 'hex')}`;
    const options = new BackupOptions({}, (name) => (name === 'BACKUP_KEYS' ? list : undefined));
    expect((await options.keys.current())!.id).toBe('new');
    const validated = validateEnvironment({ BACKUP_KEYS: list });
    expect((await new BackupOptions({}, (name) => validated[name]).keys.current())!.id).toBe('new');
    const nothing = validateEnvironment({});
    expect(await new BackupOptions({}, (name) => nothing[name]).keys.current()).toBeUndefined();
    const none = new BackupOptions({ encryption: false }, (name) =>
      name === 'BACKUP_KEYS' ? list : undefined,
    );
    expect(await none.keys.current()).toBeUndefined();
    for (const wrong of [hex, '=x', 'a=', 'a=b,', '../a=b'])
      expect(() => new BackupOptions({}, (name) => (name === 'BACKUP_KEYS' ? wrong : undefined))).toThrow(
        /^(?!.*[0-9a-f]{16}).*BACKUP_KEYS is no list/s,
      );
  });
});
