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
  fingerprint?: string | undefined;
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
 * Whether a fresh entry is loaded anew before it expires: the sooner, the longer its load took, at random, so that
 * of many readers one does it (XFetch: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede
 * Prevention", VLDB 2015, with beta 1). Never in the first four fifths of its ttl.
 */
export function isEarly(entry: Entry, now: number, random: number): boolean {
  return now >= entry.freshUntil - Math.min(-Math.log(1 - random) * entry.loadTime, latestPart(entry));
}

/** Until when `isEarly` is false whatever the draw, but for one in 160,000. */
export function quietUntil(entry: Entry): number {
  return entry.freshUntil - Math.min(12 * entry.loadTime, latestPart(entry));
}

const latestPart = ({ freshUntil, storedAt }: Entry): number => (freshUntil - storedAt) / 5;

/**
 * Layout, big endian, shared with INCREMENT in redis-scripts.ts:
 * `magic(1) codec(1) asOf(f64) storedAt(f64) freshUntil(f64) staleUntil(f64) loadTime(u32) metaLength(u32) meta payload`.
 * The codec's highest bit says that the payload is compressed. meta is absent without fingerprint and tags, else
 * `NUL fingerprint NUL tag NUL tag …`, or JSON `{ t: tags, f: fingerprint }` where one of them holds a NUL.
 */
export const HEADER_BYTES = 42;
const MAGIC = 0xf7;
const COMPRESSED = 0x80;
/** Two centuries in ms: a ttl and a staleTtl, the longest that durations may be. */
const LONGEST = 200 * 366 * 86_400_000;
const CODECS: readonly EntryCodec[] = ['json', 'typed', 'bson', 'http'];

/** The entry's bytes; `compressed` in place of its payload where there is one. */
export function encodeEntry(entry: Entry, compressed?: Buffer): Buffer {
  const payload = compressed ?? entry.payload;
  const meta = entry.tags.length === 0 && entry.fingerprint === undefined ? '' : encodeMeta(entry);
  const metaLength = meta === '' ? 0 : Buffer.byteLength(meta);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + metaLength + payload.length);
  bytes[0] = MAGIC;
  bytes[1] = CODECS.indexOf(entry.codec) | (compressed ? COMPRESSED : 0);
  bytes.writeDoubleBE(entry.asOf, 2);
  bytes.writeDoubleBE(entry.storedAt, 10);
  bytes.writeDoubleBE(entry.freshUntil, 18);
  bytes.writeDoubleBE(entry.staleUntil, 26);
  bytes.writeUInt32BE(Math.min(entry.loadTime, 0xffffffff) >>> 0, 34);
  bytes.writeUInt32BE(metaLength, 38);
  if (metaLength > 0) bytes.write(meta, HEADER_BYTES);
  payload.copy(bytes, HEADER_BYTES + metaLength);
  return bytes;
}

/** The entry in these bytes, or undefined for bytes that are not ours, damaged, or of another format. */
export function decodeEntry(bytes: Buffer): (Entry & { isCompressed: boolean }) | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== MAGIC) return undefined;
  const kind = bytes[1] as number;
  const codec = CODECS[kind & ~COMPRESSED];
  const payloadStart = HEADER_BYTES + bytes.readUInt32BE(38);
  if (codec === undefined || payloadStart > bytes.length) return undefined;
  const hasMeta = payloadStart > HEADER_BYTES;
  const meta = hasMeta ? decodeMeta(bytes.toString('utf8', HEADER_BYTES, payloadStart)) : NO_META;
  if (!meta) return undefined;
  const asOf = bytes.readDoubleBE(2);
  const storedAt = bytes.readDoubleBE(10);
  const freshUntil = bytes.readDoubleBE(18);
  const staleUntil = bytes.readDoubleBE(26);
  const areTimes = storedAt <= freshUntil && freshUntil <= staleUntil && staleUntil - storedAt <= LONGEST;
  if (!areTimes || Number.isNaN(asOf)) return undefined;
  return {
    codec,
    asOf,
    storedAt,
    freshUntil,
    staleUntil,
    loadTime: bytes.readUInt32BE(34),
    tags: meta.tags,
    fingerprint: meta.fingerprint,
    payload: bytes.subarray(payloadStart),
    isCompressed: kind >= COMPRESSED,
  };
}

interface Meta {
  tags: readonly string[];
  fingerprint: string | undefined;
}

const NO_META: Meta = { tags: [], fingerprint: undefined };

function encodeMeta({ tags, fingerprint = '' }: Entry): string {
  const hasNul = fingerprint.includes('\0') || tags.some((tag) => tag.includes('\0'));
  if (hasNul) return JSON.stringify({ t: tags, f: fingerprint });
  return tags.length === 0 ? `\0${fingerprint}` : `\0${fingerprint}\0${tags.join('\0')}`;
}

function decodeMeta(text: string): Meta | undefined {
  if (text.startsWith('\0')) {
    const parts = text.split('\0');
    return { tags: parts.slice(2), fingerprint: parts[1] || undefined };
  }
  try {
    const { t: tags, f: fingerprint } = JSON.parse(text) as { t: unknown; f: unknown };
    const isMeta = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
    return isMeta && typeof fingerprint === 'string'
      ? { tags, fingerprint: fingerprint || undefined }
      : undefined;
  } catch {
    return undefined;
  }
}
