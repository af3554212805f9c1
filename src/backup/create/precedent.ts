import { isMadeId } from '../backup-id.js';
import { readManifest } from '../manifest.js';
import type { BackupStorage } from '../storage/backup-storage.js';
import type { DumpRequest } from './dump-plan.js';
import type { Precedent } from './room.js';

/** How far back is looked: there may be thousands. */
const LOOKED_AT = 20;

/** The newest backup of the same source, or undefined. Ids sort by time. */
export async function precedent(
  storage: BackupStorage,
  { database, collections }: DumpRequest,
): Promise<Precedent | undefined> {
  const source = JSON.stringify([database, collections]);
  const ids = (await storage.list()).filter(isMadeId).toSorted().toReversed();
  for (const id of ids.slice(0, LOOKED_AT)) {
    const text = await storage.open(id).then(
      (stored) => stored.manifest(),
      () => undefined,
    );
    const reading = text === undefined ? undefined : readManifest(text);
    if (reading?.status !== 'good') continue;
    const { source: found, archive } = reading.manifest;
    if (JSON.stringify([found.database, found.collections]) !== source) continue;
    return { codec: archive.codec, bytes: archive.bytes, plainBytes: archive.plain.bytes };
  }
  return undefined;
}
