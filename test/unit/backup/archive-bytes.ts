import { Crc64 } from '../../../src/backup/archive/crc64.js';

/** Builds the bytes of an archive by hand, so that the reader meets every shape that the format allows. */
export interface MadeNamespace {
  db: string;
  collection: string;
  type?: string;
  metadata?: string;
  /** The name its blocks carry, where that is another one. */
  dataCollection?: string;
  /** Segments of documents, interleaved with those of the other namespaces. */
  segments?: Buffer[][];
}

export function archive(namespaces: MadeNamespace[]): Buffer {
  const parts = [
    int32(0x8199e26d),
    flat({ concurrent_collections: 4, version: '0.1', server_version: '6.0.5', tool_version: '100.18.0' }),
    ...namespaces.map(({ db, collection, type = 'collection', metadata = '{"indexes":[]}' }) =>
      flat({ db, collection, metadata, size: 0, type }),
    ),
    TERMINATOR,
  ];
  const most = Math.max(0, ...namespaces.map(({ segments = [[]] }) => segments.length));
  for (let index = 0; index <= most; index++)
    for (const each of namespaces) parts.push(...blocks(each, index));
  return Buffer.concat(parts);
}

function blocks(
  { db, collection, dataCollection = collection, segments = [[]] }: MadeNamespace,
  index: number,
) {
  const header = { db, collection: dataCollection };
  const segment = segments[index];
  if (segment) return [flat({ ...header, EOF: false, CRC: 0n }), ...segment, TERMINATOR];
  if (index > segments.length) return [];
  const crc = new Crc64();
  crc.update(Buffer.concat(segments.flat()));
  return [flat({ ...header, EOF: true, CRC: BigInt.asIntN(64, crc.value()) }), TERMINATOR];
}

export const TERMINATOR = Buffer.alloc(4, 0xff);

/** A BSON document of strings, int32 (number), int64 (bigint) and booleans. */
export function flat(fields: Record<string, string | number | bigint | boolean>): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) => {
    const key = Buffer.from(`${name}\0`);
    if (typeof value === 'string') {
      const text = Buffer.from(`${value}\0`);
      return [Buffer.of(2), key, int32(text.length), text];
    }
    if (typeof value === 'boolean') return [Buffer.of(8), key, Buffer.of(Number(value))];
    if (typeof value === 'number') return [Buffer.of(16), key, int32(value)];
    const long = Buffer.alloc(8);
    long.writeBigInt64LE(value);
    return [Buffer.of(18), key, long];
  });
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 5), body, Buffer.of(0)]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
