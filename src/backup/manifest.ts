import { createHash } from 'node:crypto';
import { type ArchiveNamespace, type ArchiveSummary, readMetadata } from './archive/archive-summary.js';
import { isBackupId } from './backup-id.js';
import type { Codec } from './compression.js';
import type { KeyMark } from './encryption/encryption-keys.js';
import { isDatabaseName } from './names.js';

/** Written last into a backup's folder: without it there is no backup. */
export const MANIFEST_NAME = 'manifest.json';

const KIND = 'flora-backup';
const FORMAT = 1;
/** AES-256-GCM in chunks, as docs/backup-format.md has it. */
export const ALGORITHM = 'aes-256-gcm-chunks-1';

/** What a backup is, as kept beside its archive. Times are ISO 8601 in UTC. It never holds a secret. */
export interface Manifest {
  readonly kind: typeof KIND;
  readonly format: typeof FORMAT;
  readonly id: string;
  readonly label?: string;
  /** When its making began, by the clock of the module: the time that retention goes by. */
  readonly createdAt: string;
  readonly seconds: number;
  readonly source: {
    /** `'*'` for the whole instance. */
    readonly database: string;
    /** Present where only some collections were asked for. */
    readonly collections?: readonly string[];
    readonly serverVersion: string;
  };
  readonly engine: { readonly name: string; readonly version: string };
  /** False: collections were read one after another, so writes during the dump may be in one and not in another. */
  readonly pointInTime: false;
  readonly archive: {
    /** Its name in the manifest's own folder. */
    readonly file: string;
    readonly codec: Codec;
    /** Present where the compressed archive is encrypted: how, and by which key. The key itself is nowhere in it. */
    readonly encryption?: KeyMark & { readonly algorithm: typeof ALGORITHM };
    /** Of the stored bytes. */
    readonly bytes: number;
    readonly sha256: string;
    /** Of the archive as mongodump wrote it. */
    readonly plain: { readonly bytes: number; readonly sha256: string };
  };
  readonly namespaces: readonly ManifestNamespace[];
}

/** One namespace of the archive; its options and indexes are in the archive, under `archive.plain.sha256`. */
export type ManifestNamespace = Omit<ArchiveNamespace, 'metadata' | 'contents'> & {
  readonly indexes: readonly string[];
};

/**
 * - `damaged`: one of ours that isn't whole;
 * - `unreadable`: no JSON; whose it was can't be told by it;
 * - `newer`: ours, of a format that came later;
 * - `foreign`: that of something else.
 */
export type ManifestReading =
  | { readonly status: 'good'; readonly manifest: Manifest }
  | { readonly status: 'damaged' | 'unreadable' | 'newer' | 'foreign'; readonly problem: string };

/** The text to store: JSON for people, closed by a checksum over the rest of it. */
export function writeManifest(manifest: Manifest): string {
  return `${JSON.stringify({ ...manifest, checksum: checksum(manifest) }, null, 2)}\n`;
}

export function newManifest(content: Omit<Manifest, 'kind' | 'format' | 'pointInTime'>): Manifest {
  return { kind: KIND, format: FORMAT, pointInTime: false, ...content };
}

/** The archive's contents as a manifest lists them. */
export function manifestNamespaces({ namespaces }: ArchiveSummary): ManifestNamespace[] {
  return namespaces.map((namespace) => {
    const { database, collection, type, dataCollection, documents, bytes, crc64, metadata } = namespace;
    const { indexes } = readMetadata(metadata);
    return { database, collection, type, dataCollection, documents, bytes, crc64, indexes };
  });
}

/** Says what a text found under the name of a manifest is. Never throws. */
export function readManifest(text: string): ManifestReading {
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { status: 'unreadable', problem: 'its manifest is not JSON' };
  }
  if (found?.['kind'] !== KIND)
    return { status: 'foreign', problem: 'its manifest is that of something else' };
  const { checksum: stored, ...manifest } = found;
  if (typeof stored !== 'string' || stored !== checksumOf(manifest))
    return { status: 'damaged', problem: 'its manifest was changed after it was written' };
  if (manifest['format'] !== FORMAT || manifest['pointInTime'] !== false)
    return { status: 'newer', problem: 'it was made by a newer version of this package' };
  if (!isManifest(manifest))
    return { status: 'damaged', problem: 'its manifest is not one that this package writes' };
  return { status: 'good', manifest };
}

/** The archive's name in its folder: says how it was packed, so that it can be unpacked by hand. */
export function archiveName(codec: Codec, encrypted: boolean): string {
  const compressed = codec === 'none' ? 'archive' : `archive.${codec === 'gzip' ? 'gz' : 'zst'}`;
  return encrypted ? `${compressed}.enc` : compressed;
}

/** A manifest may come from anywhere, its checksum too: nothing in it is used before it was looked at. */
function isManifest(found: object): found is Manifest {
  const { id, label, createdAt, seconds, source, engine, archive, namespaces } = found as Partial<Manifest>;
  return (
    isBackupId(id) &&
    (label === undefined || typeof label === 'string') &&
    typeof createdAt === 'string' &&
    !Number.isNaN(Date.parse(createdAt)) &&
    isCount(seconds) &&
    typeof source?.database === 'string' &&
    (source.collections === undefined || isTexts(source.collections)) &&
    typeof source.serverVersion === 'string' &&
    typeof engine?.name === 'string' &&
    typeof engine.version === 'string' &&
    isArchiveName(archive?.file) &&
    archive !== undefined &&
    CODECS.includes(archive.codec) &&
    isEncryption(archive.encryption) &&
    [archive, archive.plain].every((bytes) => isCount(bytes?.bytes) && isSha256(bytes.sha256)) &&
    Array.isArray(namespaces) &&
    namespaces.every(isNamespace)
  );
}

function isNamespace(found: Partial<ManifestNamespace> | null): boolean {
  return (
    isDatabaseName(found?.database) &&
    isTexts([found?.collection, found?.dataCollection, found?.type, found?.crc64]) &&
    isCount(found?.documents) &&
    isCount(found?.bytes) &&
    isTexts(found?.indexes)
  );
}

function isEncryption(found: Manifest['archive']['encryption'] | null): boolean {
  if (found === undefined) return true;
  return found?.algorithm === ALGORITHM && isTexts([found.keyId, found.keyCheck]);
}

const CODECS: readonly unknown[] = ['zstd', 'gzip', 'none'] satisfies Codec[];

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value);
}

function isSha256(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** Only a plain name: a manifest never points out of its own folder. */
function isArchiveName(name: unknown): boolean {
  return typeof name === 'string' && /^archive(\.[a-z0-9]+){0,3}$/.test(name);
}

/** Undefined for what no manifest is: JSON can be read deeper than it can be written. */
function checksumOf(found: object): string | undefined {
  try {
    return checksum(found);
  } catch {
    return undefined;
  }
}

function checksum(manifest: object): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}
