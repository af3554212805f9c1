import { createHash } from 'node:crypto';

/** A complete response, ready to be served. */
export interface StoredAnswer {
  kind: 'answer';
  status: number;
  /** Names as the handler wrote them. Null: it took away what outer middleware had set. */
  headers: readonly (readonly [name: string, value: string | string[] | null])[];
  etag: string | undefined;
  lastModified: string | undefined;
  /** Seconds that the response was old when it was stored. */
  age: number;
  /** What may be done with it when it is stale. Absent: nothing. */
  stale?: StaleLimits | undefined;
  body: Buffer;
}

/** How long after it became stale an answer may be served all the same. Milliseconds. */
export interface StaleLimits {
  /** While it is loaded anew. */
  revalidate: number;
  /** When that fails. */
  error: number;
  /** It is to be revalidated before each use: what it says of its lifetime counts for nothing. */
  always?: boolean;
  /** No request may ask for it stale. */
  isStrict?: boolean;
}

/** Stands where the answer depends on request headers: says which ones. */
export interface StoredVariants {
  kind: 'variants';
  names: readonly string[];
}

/** Stands under a key of the user's: what is stored under it is found only while this generation lives. */
export interface StoredGeneration {
  kind: 'generation';
  id: string;
}

export type Frame = StoredAnswer | StoredVariants | StoredGeneration;

/** Layout: `magic(2) version(1) headLength(4) head(JSON) body`. */
const MAGIC = 0xf10a;
const VERSION = 1;
const PREFIX_BYTES = 7;

export function encodeFrame(frame: Frame): Buffer {
  const { body, head } = split(frame);
  const json = Buffer.from(JSON.stringify(head));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt16BE(MAGIC, 0);
  prefix.writeUInt8(VERSION, 2);
  prefix.writeUInt32BE(json.length, 3);
  return Buffer.concat([prefix, json, body]);
}

function split(frame: Frame): { head: object; body: Buffer } {
  if (frame.kind !== 'answer') return { head: frame, body: Buffer.alloc(0) };
  const { body, ...head } = frame;
  return { head: { ...head, length: body.length }, body };
}

const decodedFrames = new WeakMap<Buffer, Frame | 'unreadable'>();

/** The frame in these bytes, or undefined for bytes that are not one. Read once per Buffer: hits share it. */
export function decodeFrame(bytes: Buffer): Frame | undefined {
  let frame = decodedFrames.get(bytes);
  if (frame === undefined) {
    frame = read(bytes) ?? 'unreadable';
    decodedFrames.set(bytes, frame);
  }
  return frame === 'unreadable' ? undefined : frame;
}

function read(bytes: Buffer): Frame | undefined {
  if (bytes.length < PREFIX_BYTES || bytes.readUInt16BE(0) !== MAGIC || bytes[2] !== VERSION)
    return undefined;
  const bodyStart = PREFIX_BYTES + bytes.readUInt32BE(3);
  try {
    const head = JSON.parse(bytes.toString('utf8', PREFIX_BYTES, bodyStart)) as Frame & { length?: number };
    if (head.kind !== 'answer') return head;
    const { length, ...answer } = head;
    const body = bytes.subarray(bodyStart);
    return body.length === length
      ? { ...answer, etag: answer.etag, lastModified: answer.lastModified, body }
      : undefined;
  } catch {
    return undefined;
  }
}

/** A weak validator made from the bytes: weak, since what stands before the client may encode them otherwise. */
export function weakEtag(body: Buffer): string {
  return `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
}
