import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storageError } from '../storage/disk-errors.js';

/**
 * A `--config` file for a tool that is gone before the tool starts: written where only this user may look, opened,
 * and removed. The tool reads it through the inherited descriptor. Nothing of it is in argv, in the environment, or
 * left on disk by a crash.
 */
export async function secretFile(secrets: Readonly<Record<string, string>>): Promise<FileHandle> {
  const yaml = Object.entries(secrets).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
  try {
    const folder = await mkdtemp(join(tmpdir(), 'flora-'));
    try {
      const path = join(folder, 'config');
      const writer = await open(path, 'wx', 0o600);
      await writer.writeFile(yaml.join('')).finally(() => writer.close());
      return await open(path, 'r');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (error) {
    throw storageError(error, tmpdir());
  }
}
