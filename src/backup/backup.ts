import type { Codec } from './compression.js';
import type { Manifest, ManifestNamespace, OplogRange } from './manifest.js';

/**
 * - `good`: its manifest is whole and its archive is there in full size (`verifyBackup` proves the bytes);
 * - `damaged`: one of ours, but not whole;
 * - `foreign`: something else that lies in the same place, or a backup of a newer version. It is never touched.
 */
export type BackupStatus = 'good' | 'damaged' | 'foreign';

/**
 * - `good`, `damaged`, `foreign`: as for backups;
 * - `missing`: it isn't there;
 * - `unknown`: the storage can't be asked.
 */
export type CopyStatus = BackupStatus | 'missing' | 'unknown';

/** What one storage has of a backup. */
export interface BackupCopy {
  readonly location: string;
  readonly status: CopyStatus;
  /** What is wrong with it, or why it is missing where that is known. */
  readonly problem?: string;
}

/** A backup as found in its storage. */
export interface Backup {
  readonly id: string;
  readonly status: BackupStatus;
  /** What is wrong with it; absent when it is good. */
  readonly problem?: string;
  /** Where it is: a folder, for backups on disk. With several storages: in the first that has it good. */
  readonly location: string;
  /** Where there are several storages: what each has of it, the primary first. */
  readonly copies?: readonly BackupCopy[];
  readonly label?: string;
  /** When its making began; present, as all that follows, where the manifest can be read. */
  readonly createdAt?: Date;
  /** The database it was made of; `'*'` for the whole instance. */
  readonly database?: string;
  /** Present where only some collections were asked for. */
  readonly collections?: readonly string[];
  readonly namespaces?: readonly ManifestNamespace[];
  readonly documents?: number;
  /** Stored bytes. */
  readonly bytes?: number;
  /** Bytes before compression. */
  readonly plainBytes?: number;
  readonly codec?: Codec;
  /** Of the key that it is encrypted with; absent where it isn't. */
  readonly keyId?: string;
  /** Of the stored bytes. */
  readonly sha256?: string;
  readonly serverVersion?: string;
  readonly engine?: { readonly name: string; readonly version: string };
  /** True when it is the server as it was at one moment; see `oplog`. */
  readonly pointInTime?: boolean;
  /** The server's log that was captured with it: its last entry is that moment. */
  readonly oplog?: readonly OplogRange[];
  /** How long its making took. */
  readonly seconds?: number;
}

/** A backup whose manifest could be read: everything about it is known. */
export type GoodBackup = Required<Omit<Backup, Optional>> & Pick<Backup, Optional>;
type Optional = 'problem' | 'copies' | 'label' | 'collections' | 'keyId' | 'oplog';

export function describeBackup(manifest: Manifest, location: string): GoodBackup {
  const { id, label, createdAt, source, archive, namespaces, engine, seconds, pointInTime, oplog } = manifest;
  return {
    id,
    status: 'good',
    location,
    ...(label === undefined ? {} : { label }),
    createdAt: new Date(createdAt),
    database: source.database,
    ...(source.collections ? { collections: source.collections } : {}),
    namespaces,
    documents: countDocuments(namespaces),
    bytes: archive.bytes,
    plainBytes: archive.plain.bytes,
    codec: archive.codec,
    ...(archive.encryption ? { keyId: archive.encryption.keyId } : {}),
    sha256: archive.sha256,
    serverVersion: source.serverVersion,
    engine,
    pointInTime,
    ...(oplog ? { oplog: oplog.ranges } : {}),
    seconds,
  };
}

export function countDocuments(namespaces: readonly { readonly documents: number }[]): number {
  return namespaces.reduce((sum, { documents }) => sum + documents, 0);
}
