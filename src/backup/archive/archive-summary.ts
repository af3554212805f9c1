import type { OplogSummary } from '../oplog/oplog-listener.js';

/** What an archive holds, as found by reading it from the first byte to the last. */
export interface ArchiveSummary {
  /** Of the server it was dumped from. */
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly namespaces: readonly ArchiveNamespace[];
  /** Present where the server's log was captured with the dump. */
  readonly oplog?: OplogSummary;
}

export type NamespaceType = 'collection' | 'view' | 'timeseries';

export interface ArchiveNamespace {
  readonly database: string;
  readonly collection: string;
  readonly type: NamespaceType;
  /** Where its documents are kept: `system.buckets.NAME` for most time series, else its own name. */
  readonly dataCollection: string;
  /** Stored documents: buckets, not measurements, for a time series; 0 for a view. */
  readonly documents: number;
  /** Of its documents, as BSON. */
  readonly bytes: number;
  /** CRC-64/XZ over its documents in archive order, 16 hex digits. */
  readonly crc64: string;
  /** Options and indexes as canonical Extended JSON, the way mongodump wrote them. */
  readonly metadata: string;
  /** Of its documents in whatever order: see ContentDigest. Present where it was asked for. */
  readonly contents?: string;
}

/** What the metadata of a namespace says that matters here. */
export interface NamespaceMetadata {
  /** Names of its indexes, sorted. */
  readonly indexes: readonly string[];
  /** True where the server deletes documents by age. */
  readonly expires: boolean;
  /** True where the server checks documents before it takes them. */
  readonly validates: boolean;
}

/** @throws Error when the text isn't what mongodump writes */
export function readMetadata(metadata: string): NamespaceMetadata {
  const { indexes = [], options = {} } = metadata === '' ? {} : (JSON.parse(metadata) as RawMetadata);
  const expires = 'expireAfterSeconds' in options || indexes.some((index) => 'expireAfterSeconds' in index);
  const names = indexes.map(({ name }) => String(name)).sort();
  return { indexes: names, expires, validates: 'validator' in options };
}

interface RawMetadata {
  options?: object;
  indexes?: { name: unknown }[];
}
