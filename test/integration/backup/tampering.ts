import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, readManifest, writeManifest } from '../../../src/backup/manifest.js';

/** Changes the text of a backup's manifest. */
export async function edit(folder: string, change: (text: string) => string): Promise<void> {
  const path = join(folder, 'manifest.json');
  await writeFile(path, change(await readFile(path, 'utf8')));
}

/** Changes a manifest as somebody would who knows how its checksum is made. */
export async function rewrite(folder: string, change: (manifest: Manifest) => Manifest): Promise<void> {
  await edit(folder, (text) => {
    const reading = readManifest(text);
    if (reading.status !== 'good') throw new Error(reading.problem);
    return writeManifest(change(reading.manifest));
  });
}
