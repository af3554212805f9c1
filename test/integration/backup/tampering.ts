import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveReader } from '../../../src/backup/archive/archive-reader.js';
import { PreludeEdit } from '../../../src/backup/archive/prelude-edit.js';
import {
  type Manifest,
  manifestNamespaces,
  readManifest,
  writeManifest,
} from '../../../src/backup/manifest.js';

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

/** Changes options and indexes in an archive that is neither compressed nor encrypted, and all checksums with them. */
export async function forge(folder: string, change: (metadata: string) => string): Promise<void> {
  const path = join(folder, 'archive');
  const edit = new PreludeEdit((_, metadata) => change(metadata));
  edit.end(await readFile(path));
  const bytes = Buffer.concat(await edit.toArray());
  await writeFile(path, bytes);
  const reader = new ArchiveReader();
  reader.write(bytes);
  const namespaces = manifestNamespaces(reader.end());
  const hashed = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  await rewrite(folder, (manifest) => ({
    ...manifest,
    archive: { ...manifest.archive, ...hashed, plain: hashed },
    namespaces,
  }));
}
