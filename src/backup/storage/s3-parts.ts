import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { HeadObjectCommandOutput, Part } from '@aws-sdk/client-s3';

/** A part before it is sent. */
export interface Piece {
  readonly number: number;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/** A part as it is in the bucket. */
export interface SentPart {
  readonly PartNumber: number;
  readonly ETag: string | undefined;
  readonly ChecksumSHA256: string;
}

/** Bytes in pieces of one size; the last may be shorter, and is empty only when there is nothing at all. */
export async function* pieces(content: Readable, size: number): AsyncGenerator<Piece> {
  let number = 1;
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    const more = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as string);
    held.push(more);
    bytes += more.length;
    // Only when more follows it is known that a piece isn't the last.
    while (bytes > size) {
      const all = Buffer.concat(held);
      yield { number: number++, bytes: all.subarray(0, size), isLast: false };
      held = [all.subarray(size)];
      bytes -= size;
    }
  }
  yield { number, bytes: Buffer.concat(held), isLast: true };
}

/** By its sha256; by its MD5 where the server keeps no other. */
export function isSame({ Size, ETag, ChecksumSHA256 }: Part, bytes: Buffer, sha256: string): boolean {
  if (Size !== bytes.length) return false;
  if (ChecksumSHA256 !== undefined) return ChecksumSHA256 === sha256;
  return plain(ETag) === createHash('md5').update(bytes).digest('hex');
}

/** By the checksum over the checksums of its parts; by the one over their MD5s where the server keeps no other. */
export function isMadeOf(
  found: HeadObjectCommandOutput | undefined,
  parts: readonly SentPart[],
  bytes: number,
): boolean {
  if (found?.ContentLength !== bytes) return false;
  const sha256 = over(
    'sha256',
    'base64',
    parts.map((part) => part.ChecksumSHA256),
  ).digest('base64');
  const md5 = over(
    'md5',
    'hex',
    parts.map(({ ETag }) => plain(ETag)),
  ).digest('hex');
  return (
    found.ChecksumSHA256 === `${sha256}-${parts.length}` || plain(found.ETag) === `${md5}-${parts.length}`
  );
}

function over(algorithm: string, encoding: BufferEncoding, digests: readonly string[]): Hash {
  const hash = createHash(algorithm);
  for (const digest of digests) hash.update(digest, encoding);
  return hash;
}

function plain(etag = ''): string {
  return etag.replaceAll('"', '');
}
