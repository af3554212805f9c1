/**
 * A point in the order of invalidations: microseconds of the registry's clock, which only ever grows. Not a time
 * of day of any application host.
 */
export type Stamp = number;

/** As of nothing that is known: what carries it is stale at birth. */
export const OLDEST: Stamp = -1;

/** Codecs of payloads. `bson` and `http` payloads are made and read by mongoose/ and http/. */
export type EntryCodec = 'json' | 'typed' | 'bson' | 'http';

/** What a tier keeps for one key: a header that says whether it may be served, and the payload's bytes. */
export interface Entry {
  codec: EntryCodec;
  /** What the registry knew before the load began: valid while no own tag has a later stamp. */
  asOf: Stamp;
  /** Milliseconds since the epoch. */
  storedAt: number;
  freshUntil: number;
  staleUntil: number;
  /** Milliseconds that the load took. */
  loadTime: number;
  /** Registry tags, without those that its namespace implies. */
  tags: readonly string[];
  fingerprint?: string;
  payload: Buffer;
}

export type Freshness = 'fresh' | 'stale' | 'expired';

/** Milliseconds that the store has to keep it. */
export function lifetimeOf({ storedAt, staleUntil }: Pick<Entry, 'storedAt' | 'staleUntil'>): number {
  return staleUntil - storedAt;
}

export function freshness(entry: Pick<Entry, 'freshUntil' | 'staleUntil'>, now: number): Freshness {
  if (now < entry.freshUntil) return 'fresh';
  return now < entry.staleUntil ? 'stale' : 'expired';
}

/**
 * Layout, big endian, shared with INCREMENT in redis-scripts.ts:
 * `magic(1) codec(1) asOf(f64) storedAt(f64) freshUntil(f64) staleUntil(f64) loadTime(u32) metaLength(u32) meta payload`,
 * meta being JSON `{ t: tags, f: fingerprint }`, absent when both are.
 */
export const HEADER_BYTES = 42;
const MAGIC = 0xf7;
const CODECS: readonly EntryCodec[] = ['json', 'typed', 'bson', 'http'];

export function encodeEntry(entry: Entry): Buffer {
  const meta = entry.tags.length === 0 && entry.fingerprint === undefined ? '' : encodeMeta(entry);
  const metaLength = Buffer.byteLength(meta);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + metaLength + entry.payload.length);
  bytes[0] = MAGIC;
  bytes[1] = CODECS.indexOf(entry.codec);
  bytes.writeDoubleBE(entry.asOf, 2);
  bytes.writeDoubleBE(entry.storedAt, 10);
  bytes.writeDoubleBE(entry.freshUntil, 18);
  bytes.writeDoubleBE(entry.staleUntil, 26);
  bytes.writeUInt32BE(Math.min(entry.loadTime, 0xffffffff) >>> 0, 34);
  bytes.writeUInt32BE(metaLength, 38);
  bytes.write(meta, HEADER_BYTES);
  entry.payload.copy(bytes, HEADER_BYTES + metaLength);
  return bytes;
}

/** The entry in these bytes, or undefined for bytes that are not ours, damaged, or of another format. */
export function decodeEntry(bytes: Buffer): Entry | undefined {
  const codec = bytes.length >= HEADER_BYTES && bytes[0] === MAGIC ? CODECS[bytes[1] as number] : undefined;
  if (codec === undefined) return undefined;
  const payloadStart = HEADER_BYTES + bytes.readUInt32BE(38);
  if (payloadStart > bytes.length) return undefined;
  const meta = decodeMeta(bytes.toString('utf8', HEADER_BYTES, payloadStart));
  return (
    meta && {
      codec,
      asOf: bytes.readDoubleBE(2),
      storedAt: bytes.readDoubleBE(10),
      freshUntil: bytes.readDoubleBE(18),
      staleUntil: bytes.readDoubleBE(26),
      loadTime: bytes.readUInt32BE(34),
      ...meta,
      payload: bytes.subarray(payloadStart),
    }
  );
}

function encodeMeta({ tags, fingerprint }: Entry): string {
  return JSON.stringify({ t: tags, ...(fingerprint !== undefined && { f: fingerprint }) });
}

function decodeMeta(text: string): { tags: readonly string[]; fingerprint?: string } | undefined {
  if (text === '') return { tags: [] };
  try {
    const { t: tags, f: fingerprint } = JSON.parse(text) as { t: unknown; f?: unknown };
    if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) return undefined;
    if (fingerprint === undefined) return { tags };
    return typeof fingerprint === 'string' ? { tags, fingerprint } : undefined;
  } catch {
    return undefined;
  }
}
