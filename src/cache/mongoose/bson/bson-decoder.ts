import type { Bson, Decoding } from '../read.js';
import { bsonValues, type BsonValues } from './bson-values.js';
import { UNUSUAL, type Member } from './members.js';

const NOTHING = Buffer.alloc(0);
const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));
/** With a size in it a second time. */
const OLD_BINARY = 2;
/** Shorter text is cut out of a longer one as a copy by V8 (its SlicedString begins there), which is the fastest way. */
const LONGEST_CUT = 12;

/**
 * Decodes the usual BSON documents, with the values that the library's `deserialize` gives, in half its time or
 * less. Documents that are unusual in any way, damaged ones first of all, are not decoded: what is decoded is what
 * the library would give.
 */
export class BsonDecoder {
  #bytes: Buffer = NOTHING;
  #view = NO_VIEW;
  #at = 0;
  /** The document's bytes as Latin-1, from `#textAt` on. */
  #text = '';
  #textAt = 0;
  #longs: 'numbers' | 'longs' | 'bigints' = 'numbers';
  #givesBuffers = false;
  /** Whether text that is not UTF-8 is an error, rather than decoded with U+FFFD in it. */
  #isStrict = true;
  readonly #values: BsonValues;

  constructor(bson: Bson) {
    this.#values = bsonValues(bson);
  }

  /** Documents in these bytes are asked for from now on until `end`, by options that are not `promoteValues: false`. */
  begin(bytes: Buffer, decoding: Decoding): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#longs = decoding.useBigInt64 ? 'bigints' : (decoding.promoteLongs ?? true) ? 'numbers' : 'longs';
    this.#givesBuffers = Boolean(decoding.promoteBuffers);
    this.#isStrict = decoding.enableUtf8Validation !== false;
  }

  end(): void {
    this.#bytes = NOTHING;
    this.#view = NO_VIEW;
    this.#text = '';
  }

  /** The document in the bytes from `start` to `end`; undefined where it is left to the library. */
  document(start: number, end: number, within: Member): Record<string, unknown> | undefined {
    try {
      if (this.#view.getInt32(start, true) !== end - start) return undefined;
      this.#text = this.#bytes.toString('latin1', start, end);
      this.#textAt = start;
      this.#at = start;
      return this.#document(end, within);
    } catch {
      return undefined; // UNUSUAL, or a RangeError of the platform: beyond the bytes, or too deep
    }
  }

  /** The document at `#at`, which ends at `limit` at the latest. */
  #document(limit: number, within: Member): Record<string, unknown> {
    const bytes = this.#bytes;
    const last = this.#lastOf(limit);
    const view = this.#view;
    const document: Record<string, unknown> = {};
    let at = this.#at + 4;
    let previous: Member | undefined;
    let member = within.first;
    while (at < last) {
      const type = bytes[at] as number;
      at += 1;
      if (member === undefined || !member.isAt(view, at, last))
        member = within.find(bytes, view, at, last, previous, member);
      this.#at = at + member.length;
      document[member.name] = this.#value(type, last, member);
      at = this.#at;
      previous = member;
      member = member.next;
    }
    if (at !== last) throw UNUSUAL;
    this.#at = last + 1;
    return document;
  }

  /** The array at `#at`: a document whose names are its indexes, which nobody looks at. */
  #array(limit: number, within: Member): unknown[] {
    const bytes = this.#bytes;
    const last = this.#lastOf(limit);
    const array: unknown[] = [];
    let at = this.#at + 4;
    while (at < last) {
      const type = bytes[at] as number;
      at += 1;
      while (bytes[at] !== 0) at += 1; // there is one at `last`
      this.#at = at + 1;
      array.push(this.#value(type, last, within));
      at = this.#at;
    }
    if (at !== last) throw UNUSUAL;
    this.#at = last + 1;
    return array;
  }

  /** Where the document at `#at` has its last byte, which ends it. */
  #lastOf(limit: number): number {
    const size = this.#view.getInt32(this.#at, true);
    const last = this.#at + size - 1;
    if (size < 5 || last >= limit || this.#bytes[last] !== 0) throw UNUSUAL;
    return last;
  }

  /** The value at `#at`, which ends before `limit`. */
  #value(type: number, limit: number, within: Member): unknown {
    const at = this.#at;
    switch (type) {
      case 0x02:
        return this.#string(limit);
      case 0x10:
        this.#at = at + 4;
        return this.#view.getInt32(at, true);
      case 0x01:
        this.#at = at + 8;
        return this.#view.getFloat64(at, true);
      case 0x07:
        if (at + 12 > limit) throw UNUSUAL;
        this.#at = at + 12;
        return this.#values.objectId(this.#bytes, at);
      case 0x03:
        return this.#document(limit, within);
      case 0x04:
        return this.#array(limit, within);
      case 0x08:
        return this.#boolean();
      case 0x09:
        this.#at = at + 8;
        return new Date(this.#view.getInt32(at + 4, true) * 0x100000000 + this.#view.getUint32(at, true));
      case 0x0a:
        return null;
      case 0x06:
        return undefined;
      case 0x12:
        return this.#long();
      case 0x13:
        if (at + 16 > limit) throw UNUSUAL;
        this.#at = at + 16;
        return this.#values.decimal128(copied(this.#bytes, at, at + 16));
      case 0x05:
        return this.#binary(limit);
      default:
        throw UNUSUAL;
    }
  }

  #string(limit: number): string {
    const bytes = this.#bytes;
    const size = this.#view.getInt32(this.#at, true);
    const start = this.#at + 4;
    const end = start + size - 1;
    if (size <= 0 || end >= limit || bytes[end] !== 0) throw UNUSUAL;
    this.#at = end + 1;
    if (size <= LONGEST_CUT + 1) {
      let all = 0;
      for (let index = start; index < end; index += 1) all |= bytes[index] as number;
      if (all < 0x80) return this.#text.substring(start - this.#textAt, end - this.#textAt);
    }
    const text = bytes.toString('utf8', start, end);
    // It may be there as such, or stand for what is no text.
    if (this.#isStrict && text.includes('\uFFFD')) throw UNUSUAL;
    return text;
  }

  #boolean(): boolean {
    const byte = this.#bytes[this.#at] as number;
    if (byte > 1) throw UNUSUAL;
    this.#at += 1;
    return byte === 1;
  }

  #long(): unknown {
    const at = this.#at;
    this.#at = at + 8;
    if (this.#longs === 'bigints') return this.#view.getBigInt64(at, true);
    const low = this.#view.getInt32(at, true);
    const high = this.#view.getInt32(at + 4, true);
    if (this.#longs === 'longs') return this.#values.long(low, high);
    const number = high * 0x100000000 + (low >>> 0);
    if (Math.abs(number) < 2 ** 53) return number;
    return this.#values.promotedLong(low, high);
  }

  #binary(limit: number): unknown {
    const size = this.#view.getInt32(this.#at, true);
    const type = this.#bytes[this.#at + 4] as number;
    const start = this.#at + 5;
    const end = start + size;
    if (size < 0 || end > limit || type === OLD_BINARY) throw UNUSUAL;
    this.#at = end;
    const own = copied(this.#bytes, start, end);
    return this.#givesBuffers ? own : this.#values.binary(own, type);
  }
}

/** Bytes of the caller's own: those that are decoded are everybody's. */
function copied(bytes: Buffer, start: number, end: number): Buffer {
  const own = Buffer.allocUnsafe(end - start);
  bytes.copy(own, 0, start, end);
  return own;
}
