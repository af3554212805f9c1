import { shown } from '../errors.js';
import { invalidOption } from './backup.errors.js';

/** Databases that belong to the server itself: users, settings, its log. */
export const OWN_DATABASES: readonly string[] = ['admin', 'config', 'local'];

/** True for what MongoDB takes as the name of a database. */
export function isDatabaseName(name: unknown): name is string {
  // eslint-disable-next-line no-control-regex
  return typeof name === 'string' && /^[^/\\. "$\0]+$/.test(name) && Buffer.byteLength(name) < 64;
}

/** @throws BackupError INVALID_OPTIONS for what MongoDB doesn't take as the name of a database */
export function checkDatabaseName(name: unknown, option: string): void {
  if (isDatabaseName(name)) return;
  throw invalidOption(
    `The option ${option} is ${shown(name)}`,
    'the name of a database: up to 63 bytes, without space and without / \\ . " $',
  );
}

/** @throws BackupError INVALID_OPTIONS unless it is a list of names, each once */
export function checkCollectionNames(names: unknown): void {
  const fits =
    Array.isArray(names) &&
    names.length > 0 &&
    names.every((name) => typeof name === 'string' && name !== '' && !name.includes('\0')) &&
    new Set(names).size === names.length;
  if (!fits)
    throw invalidOption('The option collections is no list of names', 'at least one name, each once');
}

/** @throws BackupError INVALID_OPTIONS for what is given as `signal` or `onProgress` and is none */
export function checkWatch(signal: unknown, onProgress?: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalidOption(`The option signal is ${shown(signal)}`, 'the signal of an AbortController');
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalidOption(`The option onProgress is ${shown(onProgress)}`, 'a function');
}

/** @throws BackupError INVALID_OPTIONS for what people would not read in one line */
export function checkShortText(what: string, text: unknown): void {
  if (typeof text === 'string' && /^[^\p{Cc}\p{Cs}]{1,200}$/u.test(text)) return;
  throw invalidOption(`The ${what} is ${shown(text)}`, 'up to 200 characters without control characters');
}

/**
 * A text such as 'false', from a form or a command line, must not count as a yes.
 *
 * @throws BackupError INVALID_OPTIONS
 */
export function checkSwitch(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw invalidOption(`The option ${name} is ${shown(value)}`, 'true or false');
}
