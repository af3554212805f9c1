import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import { BackupError } from './backup.errors.js';
import { ProgramStream } from './program-stream.js';

/** How a stored archive is compressed. */
export type Codec = 'zstd' | 'gzip' | 'none';

export interface Compression {
  readonly codec: Codec;
  /** As the codec counts it. */
  readonly level: number;
}

/** What compresses to zstd, or reads it: Node itself, or the program at this path. */
export type ZstdSource = 'node' | { readonly program: string };

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

/** Zstandard where this host has it, else gzip. */
export function bestCodec(): Codec {
  return findZstd() ? 'zstd' : 'gzip';
}

/** Where zstd is to be had: from Node 22.15 on in Node, else as the program `zstd` on PATH; undefined: nowhere. */
export function findZstd(path = process.env['PATH'] ?? ''): ZstdSource | undefined {
  if (zstd.createZstdCompress) return 'node';
  // Relative folders would depend on where the application was started.
  const folders = path.split(delimiter).filter((folder) => isAbsolute(folder));
  const program = folders.map((folder) => join(folder, 'zstd')).find(runs);
  return program === undefined ? undefined : { program };
}

/**
 * The stream that compresses, or none.
 *
 * @param source where zstd is, if that is the codec
 */
export function compressor({ codec, level }: Compression, source: ZstdSource | undefined): Duplex[] {
  if (codec === 'none') return [];
  if (codec === 'gzip') return [zlib.createGzip({ level })];
  const from = available(source);
  // Without its checksum two of three flipped bits decompress to wrong bytes.
  if (from !== 'node')
    return [new ProgramStream(from.program, [`-${level}`, '--check', '-T1', '-q', '-c'], programFailed)];
  // With nbWorkers Node ends the stream early.
  const { ZSTD_c_compressionLevel: levelOf, ZSTD_c_checksumFlag: checksumOf } = zstd.constants;
  return [available(zstd.createZstdCompress)({ params: { [levelOf]: level, [checksumOf]: 1 } })];
}

/** @throws BackupError BACKUP_UNSUPPORTED when this host doesn't have the codec */
export function decompressor(codec: Codec, source: ZstdSource | undefined): Duplex[] {
  if (codec === 'none') return [];
  if (codec === 'gzip') return [zlib.createGunzip()];
  const from = available(source);
  if (from === 'node') return [available(zstd.createZstdDecompress)()];
  // A program that ran to its end and is not content says that the bytes are wrong.
  return [
    new ProgramStream(from.program, ['-d', '-q', '-c'], (problem, ended) =>
      ended ? Object.assign(new Error(problem), { code: 'ZSTD_PROGRAM' }) : programFailed(problem),
    ),
  ];
}

function available<T>(part: T | undefined): T {
  if (part !== undefined) return part;
  throw new BackupError('BACKUP_UNSUPPORTED', {
    problem: `The codec zstd is neither in Node ${process.versions.node} nor on PATH`,
    expected: 'Node 22.15 or newer, or the program zstd',
    advice: "install one of them, or make backups with the codec 'gzip'",
  });
}

function programFailed(problem: string): BackupError {
  return new BackupError('PIPELINE_FAILED', { problem: `The program zstd failed: ${problem}` });
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
