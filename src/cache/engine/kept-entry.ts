import { decodeValue, encodeValue } from './codec.js';
import { quietUntil, type Entry, type EntryCodec, type Stamp } from './entry.js';
import { frozen, isolated } from './isolation.js';

/** Whether callers get values of their own, or one frozen value where it can be frozen. */
export type Sharing = 'isolated' | 'shared';

/**
 * An entry as memory keeps it: bytes until its value is asked for, then the value instead, so that further hits
 * decode nothing. Callers can't change what is kept: each gets a copy, or a value that is frozen in depth.
 */
export class KeptEntry implements Entry {
  readonly codec: EntryCodec;
  readonly asOf: Stamp;
  readonly storedAt: number;
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly loadTime: number;
  readonly tags: readonly string[];
  readonly fingerprint: string | undefined;
  /** A hit before this time is neither stale nor early, and still in memory's own time. */
  readonly quietUntil: number;
  /** The registry's version when the entry was last found valid. */
  version = -1;
  /** When its use was last told to memory, which evicts what was not used for longest. */
  touchedAt: number;
  /** Where it is found by another name than its key, and by which. */
  #index: Map<string, KeptEntry> | undefined;
  #name = '';
  #isDropped = false;
  #payload: Buffer | undefined;
  #value: unknown;
  /** Of a shared value: one promise serves all. */
  #promise: Promise<unknown> | undefined;

  constructor(
    readonly key: string,
    entry: Entry,
    readonly until: number,
    now: number,
  ) {
    this.codec = entry.codec;
    this.asOf = entry.asOf;
    this.storedAt = entry.storedAt;
    this.freshUntil = entry.freshUntil;
    this.staleUntil = entry.staleUntil;
    this.loadTime = entry.loadTime;
    this.tags = entry.tags;
    this.fingerprint = entry.fingerprint;
    this.quietUntil = Math.min(until, quietUntil(entry));
    this.touchedAt = now;
    this.#payload = own(entry.payload);
  }

  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** Memory keeps it no longer; whoever has it in hand may still read it. */
  drop(): void {
    this.#isDropped = true;
    if (this.#index?.get(this.#name) === this) this.#index.delete(this.#name);
    this.#index = undefined;
  }

  /** Makes it found by a name, too, until it is dropped. By one name: the latest. */
  indexIn(index: Map<string, KeptEntry>, name: string): void {
    if (this.#isDropped || this.#index === index) return;
    if (this.#index?.get(this.#name) === this) this.#index.delete(this.#name);
    this.#index = index;
    this.#name = name;
    index.set(name, this);
  }

  get payload(): Buffer {
    return this.#payload ?? encodeValue(this.#value).payload;
  }

  /**
   * The value for one caller.
   *
   * @throws for bytes that are no value
   */
  value(sharing: Sharing): unknown {
    if (this.#payload) this.#open(this.#payload, sharing);
    return this.#promise ? this.#value : isolated(this.#value);
  }

  /** The same as a promise; rejects where `value` throws. */
  promise(sharing: Sharing): Promise<unknown> {
    if (this.#promise) return this.#promise;
    try {
      return Promise.resolve(this.value(sharing));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #open(payload: Buffer, sharing: Sharing): void {
    if (this.codec !== 'json' && this.codec !== 'typed') throw new TypeError(`no value: ${this.codec}`);
    const value = decodeValue(this.codec, payload);
    this.#value = value;
    this.#payload = undefined;
    const isShared = typeof value !== 'object' || (sharing === 'shared' && frozen(value) !== undefined);
    if (isShared) this.#promise = Promise.resolve(value);
  }
}

/** Bytes read from a socket are a part of all that arrived together: kept as such, they would keep all of it. */
function own(payload: Buffer): Buffer {
  if (payload.buffer.byteLength <= payload.length + SLACK) return payload;
  const bytes = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(bytes);
  return bytes;
}

const SLACK = 256;
