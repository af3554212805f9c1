import { chmod, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, type Variables } from './cache-folder.js';
import { Place } from './place.js';
import { type Program, versionOf } from './program.js';

/** A way to get a program: fills the empty folder and says where in it the program's files are. */
export type Download = (folder: string, env: Variables) => Promise<string>;

const UNFINISHED = 'unfinished-';
const FORGOTTEN_AFTER = 60 * 60_000;

/**
 * Brings a program into the local cache. It is run once before it gets there, and gets there by a rename: two
 * processes that do this at once both end with a whole program, and one that is killed leaves none.
 */
export class DownloadPlace extends Place {
  override readonly isSlow = true;

  constructor(
    readonly name: string,
    private readonly program: Program,
    private readonly download: Download,
    private readonly env: Variables,
  ) {
    super();
  }

  async look(): Promise<string> {
    const cache = await cacheFolder(this.env);
    await forgetUnfinished(cache);
    const folder = await mkdtemp(join(cache, UNFINISHED));
    try {
      return await this.install(await this.download(folder, this.env), cache);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async install(folder: string, cache: string): Promise<string> {
    const { files } = this.program;
    for (const file of files) await chmod(join(folder, file), 0o755);
    await versionOf(this.program, join(folder, files[0]));
    for (const file of files) await rename(join(folder, file), join(cache, file));
    return join(cache, files[0]);
  }
}

/** What a killed process could not remove itself. */
async function forgetUnfinished(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const { mtimeMs } = await stat(join(cache, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > FORGOTTEN_AFTER) await rm(join(cache, name), { recursive: true, force: true });
  }
}
