import { createHash } from 'node:crypto';
import { type ArchiveNamespace, type ArchiveSummary, readMetadata } from './archive/archive-summary.js';
import { isBackupId } from './backup-id.js';
import type { Codec } from './compression.js';
import type { OplogTime } from './oplog/oplog-entry.js';
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
  /**
   * True: with the log that is kept beside it, it is the server as it was at one moment, the end of the log. False:
   * collections were read one after another, so writes during the dump may be in one and not in another.
   */
  readonly pointInTime: boolean;
  /** The server's log, in pieces that follow each other; present where it is of a point in time. */
  readonly oplog?: { readonly ranges: readonly OplogRange[] };
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

/** A piece of the log of a replica set: all that was written from one moment to another, both included. */
export interface OplogRange {
  /** Where its entries are, in the manifest's own folder. The archive itself holds what was written during the dump. */
  readonly file: string;
  readonly from: OplogTime;
  readonly to: OplogTime;
  readonly entries: number;
  readonly bytes: number;
  /** CRC-64/XZ over its entries, 16 hex digits. */
  readonly crc64: string;
}

/** One namespace of the archive; its options and indexes are in the archive, under `archive.plain.sha256`. */
export type ManifestNamespace = Omit<ArchiveNamespace, 'metadata' | 'contents'> & {
  readonly indexes: readonly string[];
};

/**
 * - `damaged`: one of ours that isn't whole;
 * - `unreadable`: no JSON, or too long to be looked into; whose it was can't be told by it;
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
  return { ...content, kind: KIND, format: FORMAT, pointInTime: content.oplog !== undefined };
}

/** The log that the archive itself holds, as a manifest lists it. */
export function manifestOplog({ oplog }: ArchiveSummary, file: string): Manifest['oplog'] {
  if (!oplog) return undefined;
  const { from, to, entries, bytes, crc64 } = oplog;
  return { ranges: [{ file, from, to, entries, bytes, crc64 }] };
}

/** The archive's contents as a manifest lists them. */
export function manifestNamespaces({ namespaces }: ArchiveSummary): ManifestNamespace[] {
  return namespaces.map((namespace) => {
    const { database, collection, type, dataCollection, documents, bytes, crc64, metadata } = namespace;
    const { indexes } = readMetadata(metadata);
    return { database, collection, type, dataCollection, documents, bytes, crc64, indexes };
  });
}

/** What is longer is only parsed when it can be ours: that takes seconds, and many times its length in memory. */
const PARSED_UNSEEN = 1024 * 1024;
const MARK = new RegExp(`"kind"\\s*:\\s*"${KIND}"`);

/** Says what a text found under the name of a manifest is. Never throws. */
export function readManifest(text: string): ManifestReading {
  if (text.length > PARSED_UNSEEN && !MARK.test(text))
    return { status: 'unreadable', problem: 'its manifest is none of this package' };
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
  if (manifest['format'] !== FORMAT || isBeyond(manifest))
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

/** True where it tells of a log that is elsewhere than in the archive: this version can't bring it back. */
function isBeyond({ pointInTime, oplog, archive }: Partial<Manifest>): boolean {
  if (pointInTime !== true) return pointInTime !== false || oplog !== undefined;
  const ranges: unknown = oplog?.ranges;
  if (!Array.isArray(ranges) || ranges.length !== 1) return true;
  return (ranges[0] as Partial<OplogRange> | null)?.file !== archive?.file;
}

/** A manifest may come from anywhere, its checksum too: nothing in it is used before it was looked at. */
function isManifest(found: object): found is Manifest {
  const { id, label, createdAt, seconds, source, engine, oplog, archive, namespaces } =
    found as Partial<Manifest>;
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
    (oplog === undefined || oplog.ranges.every(isRange)) &&
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

function isRange({ from, to, entries, bytes, crc64 }: Partial<OplogRange>): boolean {
  const times = [from, to].flatMap((time) => [time?.t, time?.i]);
  return [...times, entries, bytes].every(isCount) && typeof crc64 === 'string';
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
