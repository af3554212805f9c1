import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { cacheFolder, type Variables } from './cache-folder.js';
import { Place } from './place.js';
import type { Program } from './program.js';

/** What a variable names: the program itself, or the folder that holds it. */
export class NamedPlace extends Place {
  constructor(
    readonly name: string,
    private readonly path: string,
    private readonly program: Program,
  ) {
    super();
  }

  async look(): Promise<string> {
    const path = resolve(this.path);
    return (await holds(path, this.program)) ? join(path, this.program.files[0]) : path;
  }
}

/** The folders of PATH. */
export class PathPlace extends Place {
  readonly name = 'PATH';

  constructor(
    private readonly program: Program,
    private readonly env: Variables,
  ) {
    super();
  }

  async look(): Promise<string> {
    const folders = (this.env['PATH'] ?? '').split(delimiter).filter(Boolean);
    for (const folder of folders)
      if (await holds(folder, this.program)) return join(folder, this.program.files[0]);
    throw new Error(`there is no ${this.program.files[0]}`);
  }
}

/** What an earlier run downloaded. */
export class CachePlace extends Place {
  readonly name = 'the local cache';

  constructor(
    private readonly program: Program,
    private readonly env: Variables,
  ) {
    super();
  }

  async look(): Promise<string> {
    const folder = await cacheFolder(this.env);
    if (await holds(folder, this.program)) return join(folder, this.program.files[0]);
    throw new Error(`there is no ${this.program.files[0]} in ${folder}`);
  }
}

async function holds(folder: string, program: Program): Promise<boolean> {
  try {
    await Promise.all(program.files.map((file) => access(join(folder, file), constants.X_OK)));
    return true;
  } catch {
    return false;
  }
}
