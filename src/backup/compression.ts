import type { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import { BackupError } from './backup.errors.js';

/** How a stored archive is compressed. */
export type Codec = 'zstd' | 'gzip' | 'none';

export interface Compression {
  readonly codec: Codec;
  /** As the codec counts it. */
  readonly level: number;
}

/** Zstandard came to node:zlib with Node 22.15; the types of Node 20 don't know it. */
interface Zstd {
  createZstdCompress?: (options: { params: Record<number, number> }) => Duplex;
  createZstdDecompress?: () => Duplex;
  constants: { ZSTD_c_compressionLevel: number; ZSTD_c_checksumFlag: number };
}
const zstd = zlib as unknown as Zstd;

export const LEVELS: Readonly<Record<Codec, { lowest: number; highest: number; default: number }>> = {
  zstd: { lowest: 1, highest: 19, default: 3 },
  /** Level 1: six times faster than 6, for a ninth more bytes. */
  gzip: { lowest: 1, highest: 9, default: 1 },
  none: { lowest: 0, highest: 0, default: 0 },
};

/** Zstandard where this Node has it, else gzip. */
export function bestCodec(): Codec {
  return isAvailable('zstd') ? 'zstd' : 'gzip';
}

export function isAvailable(codec: Codec): boolean {
  return codec !== 'zstd' || zstd.createZstdCompress !== undefined;
}

/** The stream that compresses, or none. It works in the thread pool, not on the event loop. */
export function compressor({ codec, level }: Compression): Duplex[] {
  if (codec === 'none') return [];
  if (codec === 'gzip') return [zlib.createGzip({ level })];
  // Without its checksum two of three flipped bits decompress to wrong bytes; with nbWorkers Node ends the stream early.
  const { ZSTD_c_compressionLevel: levelOf, ZSTD_c_checksumFlag: checksumOf } = zstd.constants;
  return [available(zstd.createZstdCompress)({ params: { [levelOf]: level, [checksumOf]: 1 } })];
}

/** @throws BackupError BACKUP_UNSUPPORTED when this Node doesn't have the codec */
export function decompressor(codec: Codec): Duplex[] {
  if (codec === 'none') return [];
  return [codec === 'gzip' ? zlib.createGunzip() : available(zstd.createZstdDecompress)()];
}

function available<T>(part: T | undefined): T {
  if (part !== undefined) return part;
  throw new BackupError('BACKUP_UNSUPPORTED', {
    problem: `The codec zstd is not in Node ${process.versions.node}`,
    expected: 'Node 22.15 or newer',
    advice: "use such a Node, or make backups with the codec 'gzip'",
  });
}
