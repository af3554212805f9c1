import { resolve } from 'node:path';
import { shown } from '../../errors.js';
import { invalidOption } from '../backup.errors.js';
import { BackupStorage } from '../storage/backup-storage.js';
import { DiskStorage } from '../storage/disk.storage.js';
import type { S3Options } from '../storage/s3-options.js';
import { S3Storage } from '../storage/s3.storage.js';
import { BackupStorages } from './backup-storages.js';

/**
 * `'disk'` is the folder of the option `directory`, `{ disk }` another one (relative to the working directory at
 * start), `{ s3 }` a bucket of S3 or of a server like it; or a storage of your own.
 */
export type StorageOption = 'disk' | { disk: string } | { s3: S3Options } | BackupStorage;

/**
 * @param option one, or a list of the primary and those that get copies
 * @param directory of `'disk'`
 * @throws BackupError INVALID_OPTIONS
 */
export function chosenStorages(
  option: StorageOption | readonly StorageOption[],
  directory: string,
): BackupStorages {
  const options = Array.isArray(option) ? (option as readonly StorageOption[]) : [option as StorageOption];
  const [primary, ...copies] = options.map((each) => chosen(each, directory));
  if (primary === undefined)
    throw invalidOption('The option storage is an empty list', 'the primary storage, and those for copies');
  const locations = [primary, ...copies].map(({ location }) => location);
  const twice = locations.find((location, index) => locations.indexOf(location) !== index);
  if (twice !== undefined)
    throw invalidOption(`The option storage names ${shown(twice)} twice`, 'each storage once');
  return new BackupStorages([primary, ...copies]);
}

function chosen(option: StorageOption, directory: string): BackupStorage {
  if (option === 'disk') return new DiskStorage(directory);
  if (option instanceof BackupStorage) return option;
  const [[kind, value] = [], ...more] = Object.entries(
    typeof option === 'object' && option !== null ? option : {},
  );
  if (more.length === 0 && kind === 's3') return new S3Storage(value as S3Options);
  if (more.length === 0 && kind === 'disk' && typeof value === 'string' && /^[^\0]+$/.test(value))
    return new DiskStorage(resolve(value));
  throw invalidOption(
    `The option storage is ${kind === undefined ? shown(option) : 'no storage'}`,
    "'disk', { disk: '/path' }, { s3: … } or a BackupStorage, or a list of them: the primary first",
  );
}
