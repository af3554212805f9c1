import { hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Variables } from '../../environment.js';
import { shown } from '../../errors.js';
import { BackupError, invalidOption, list } from '../backup.errors.js';
import { keyBytes } from './key-bytes.js';
import type { NamedKey } from './seal.js';

/** 32 random bytes, as they are or as text: base64 (`openssl rand -base64 32`) or 64 hex digits. */
export type KeyMaterial = string | Uint8Array;

/** A key and where it is. One of `key`, `file` and `env` is given. */
export interface EncryptionKey {
  /** Names the key in the backups that it encrypts; up to 64 letters, digits, dots, dashes, underscores. */
  id: string;
  /** The key, or a function that gets it: called whenever it is needed, its result is not kept. */
  key?: KeyMaterial | (() => KeyMaterial | Promise<KeyMaterial>) | undefined;
  /** A file that holds it, read whenever it is needed. */
  file?: string | undefined;
  /** The name of the environment variable that holds it. */
  env?: string | undefined;
}

export interface EncryptionOptions {
  /** The first one encrypts new backups, all of them decrypt: to rotate, put a new one first. */
  keys: readonly EncryptionKey[];
}

/** What a manifest says about the key of its archive. */
export interface KeyMark {
  readonly keyId: string;
  /** Tells a key from another that has the same id, and nothing about either. */
  readonly keyCheck: string;
}

/** The keys that the options name. None is kept longer than it is used; none is ever shown. */
export class EncryptionKeys {
  readonly #sources: ReadonlyMap<string, () => unknown>;

  /** @throws BackupError INVALID_OPTIONS, without any key in it */
  constructor(keys: readonly EncryptionKey[], variables: Variables) {
    if (!Array.isArray(keys)) throw invalidOption(`encryption.keys is ${shown(keys)}`, 'an array of keys');
    for (const key of keys) checkShape(key);
    const ids = keys.map(({ id }) => id);
    const double = ids.find((id, index) => ids.indexOf(id) !== index);
    if (double !== undefined)
      throw invalidOption(`Two encryption keys have the id ${shown(double)}`, 'one key for each id');
    this.#sources = new Map(keys.map((key) => [key.id, () => read(key, variables)]));
  }

  /** The key of new backups; undefined where they are not encrypted. @throws BackupError KEY_INVALID */
  async current(): Promise<(NamedKey & KeyMark) | undefined> {
    const [id] = this.#sources.keys();
    if (id === undefined) return undefined;
    const key = await this.load(id);
    return { id, key, keyId: id, keyCheck: checkOf(key) };
  }

  /** @throws BackupError KEY_NOT_FOUND, KEY_WRONG, KEY_INVALID */
  async of({ keyId, keyCheck }: KeyMark): Promise<NamedKey> {
    if (!this.#sources.has(keyId))
      throw new BackupError('KEY_NOT_FOUND', {
        problem: `The backup is encrypted with the key ${keyId}, which is not among those given: ${list([...this.#sources.keys()])}`,
        advice: 'add it to the option encryption.keys, after the first',
      });
    const key = await this.load(keyId);
    if (checkOf(key) === keyCheck) return { id: keyId, key };
    throw new BackupError('KEY_WRONG', {
      problem: `The key ${keyId} that was given is not the one the backup was encrypted with`,
      expected: 'the key that had this id then',
      advice: 'give that one back its id, and the other a new id',
    });
  }

  private async load(id: string): Promise<Uint8Array> {
    let found: unknown;
    try {
      found = await this.#sources.get(id)!();
    } catch (error) {
      // What the source's own message quotes isn't known: only what kind of failure it was is told.
      const { code, name } = error as NodeJS.ErrnoException;
      throw invalidKey(id, `it could not be read (${code ?? name ?? 'unknown'})`);
    }
    const key = keyBytes(found);
    if (typeof key === 'string') throw invalidKey(id, key);
    return key;
  }
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const SOURCES = ['key', 'file', 'env'] as const;

function checkShape(key: EncryptionKey): void {
  if (typeof key !== 'object' || key === null || typeof key.id !== 'string' || !ID.test(key.id))
    throw invalidOption(
      'An encryption key has no usable id',
      'up to 64 letters, digits, dots, dashes and underscores, the first a letter or a digit',
    );
  const unknown = Object.keys(key).find((name) => name !== 'id' && !SOURCES.includes(name as 'key'));
  const given = SOURCES.filter((name) => key[name] !== undefined);
  if (unknown !== undefined || given.length !== 1)
    throw invalidOption(
      unknown === undefined
        ? `The encryption key ${key.id} has ${given.length} sources`
        : `The encryption key ${key.id} has an option that is not known`,
      `id, and one of ${SOURCES.join(', ')}`,
    );
  for (const name of ['file', 'env'] as const)
    if (key[name] !== undefined && (typeof key[name] !== 'string' || key[name] === ''))
      throw invalidOption(`The ${name} of the encryption key ${key.id} is ${typeof key[name]}`, 'a name');
}

function read({ key, file, env }: EncryptionKey, variables: Variables): unknown {
  if (file !== undefined) return readFile(file);
  if (env !== undefined) return variables(env);
  return typeof key === 'function' ? key() : key;
}

function checkOf(key: Uint8Array): string {
  return Buffer.from(hkdfSync('sha256', key, '', 'flora-backup key check 1', 8)).toString('hex');
}

function invalidKey(id: string, problem: string): BackupError {
  return new BackupError('KEY_INVALID', {
    problem: `The encryption key ${id} can't be used: ${problem}`,
    expected: '32 random bytes, as they are, in base64 or in 64 hex digits',
    advice: 'make one with: openssl rand -base64 32',
  });
}
