import { constants } from 'node:fs';
import { access, lstat, mkdir } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';

export type Variables = Record<string, string | undefined>;

/**
 * The folder that keeps downloaded programs between runs: `flora-shop` in XDG_CACHE_HOME, else in `~/.cache`.
 * Without a home that can be written, a folder of this user's own in the temporary folder.
 */
export async function cacheFolder(env: Variables = process.env): Promise<string> {
  for (const folder of homes(env)) if (await isWritable(folder)) return folder;
  return ownTemporaryFolder(env);
}

function homes({ XDG_CACHE_HOME: cache, HOME: home }: Variables): string[] {
  const folders = [cache, home && join(home, '.cache')];
  return folders
    .filter((folder) => folder && isAbsolute(folder))
    .map((folder) => join(folder!, 'flora-shop'));
}

async function isWritable(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Programs are run from here, so nobody else may own it or write to it. */
async function ownTemporaryFolder(env: Variables): Promise<string> {
  const { uid } = userInfo();
  const folder = join(env['TMPDIR'] || tmpdir(), `flora-shop-${uid}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid: owner, mode } = await lstat(folder);
  if (owner !== uid || (mode & 0o022) !== 0)
    throw new Error(`${folder} can be written by others, remove it or set XDG_CACHE_HOME`);
  return folder;
}
