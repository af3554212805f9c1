import { decodeValue, encodeValue } from './codec.js';
import { quietUntil, type Entry, type EntryCodec, type Stamp } from './entry.js';
import { frozen, isolated } from './isolation.js';

/** Whether callers get values of their own, or one frozen value where it can be frozen. */
export type Sharing = 'isolated' | 'shared';

/**
 * An entry as memory keeps it: bytes until its value is asked for, then the value instead, so that further hits
 * decode nothing. Callers can't change what is kept: each gets a copy, or a value that is frozen in depth.
 *
 * There are many of them, so they are small: times are kept as what they are after `storedAt`, which V8 can put into
 * the object itself, and the bytes of a value as a string, which takes a quarter of what a small Buffer does.
 */
export class KeptEntry implements Entry {
  readonly codec: EntryCodec;
  readonly asOf: Stamp;
  readonly storedAt: number;
  readonly loadTime: number;
  readonly tags: readonly string[];
  readonly fingerprint: string | undefined;
  /** The registry's version when the entry was last found valid. */
  version = -1;
  readonly #freshFor: number;
  readonly #staleFor: number;
  readonly #keptFor: number;
  readonly #quietFor: number;
  #usedAfter: number;
  /** Where it is found by another name than its key, and by which; null when memory keeps it no longer. */
  #index: Map<string, KeptEntry> | undefined | null;
  #name: string | undefined;
  /** Bytes: as such, or those of a value as Latin-1. Else the value itself. */
  #content: unknown;
  #state: 'bytes' | 'text' | 'isolated' | 'shared';
  /** Of a shared value: one promise serves all. */
  #promise: Promise<unknown> | undefined;

  constructor(
    readonly key: string,
    entry: Entry,
    until: number,
    now: number,
  ) {
    const { codec, payload, storedAt } = entry;
    this.codec = codec;
    this.asOf = entry.asOf;
    this.storedAt = storedAt;
    this.loadTime = entry.loadTime;
    this.tags = entry.tags;
    this.fingerprint = entry.fingerprint;
    this.#freshFor = entry.freshUntil - storedAt;
    this.#staleFor = entry.staleUntil - storedAt;
    this.#keptFor = until - storedAt;
    this.#quietFor = Math.min(until, quietUntil(entry)) - storedAt;
    this.#usedAfter = now - storedAt;
    const isValue = codec === 'json' || codec === 'typed';
    this.#state = isValue ? 'text' : 'bytes';
    this.#content = isValue ? payload.toString('latin1') : own(payload);
  }

  get freshUntil(): number {
    return this.storedAt + this.#freshFor;
  }

  get staleUntil(): number {
    return this.storedAt + this.#staleFor;
  }

  /** Until when memory may keep it. */
  get until(): number {
    return this.storedAt + this.#keptFor;
  }

  /** Whether a hit now is neither stale nor early, and within memory's own time. */
  isQuiet(now: number): boolean {
    return now - this.storedAt < this.#quietFor;
  }

  /** Whether its use now is worth telling memory, `every` ms after that was done last, or when the clock was set back. */
  isToTell(now: number, every: number): boolean {
    const after = now - this.storedAt;
    if (after - this.#usedAfter < every && after >= this.#usedAfter) return false;
    this.#usedAfter = after;
    return true;
  }

  /** Whether its value was asked for, and is one: hits decode nothing. */
  get isOpen(): boolean {
    return this.#state === 'isolated' || this.#state === 'shared';
  }

  /** Memory keeps it no longer; whoever has it in hand may still read it. */
  drop(): void {
    this.#leaveIndex();
    this.#index = null;
  }

  /** Makes it found by a name, too, until it is dropped. By one name: the latest. */
  indexIn(index: Map<string, KeptEntry>, name: string): void {
    if (this.#index === null || this.#index === index) return;
    this.#leaveIndex();
    this.#index = index;
    this.#name = name;
    index.set(name, this);
  }

  /** Estimated bytes that its content takes, or will when its value has been asked for. */
  get size(): number {
    const { length } = this.#content as Buffer | string;
    return this.#state === 'bytes' ? length : DECODED * length;
  }

  get payload(): Buffer {
    if (this.#state === 'bytes') return this.#content as Buffer;
    if (this.#state === 'text') return Buffer.from(this.#content as string, 'latin1');
    return encodeValue(this.#content).payload;
  }

  /**
   * The value for one caller.
   *
   * @throws for bytes that are no value
   */
  value(sharing: Sharing): unknown {
    if (!this.isOpen) this.#open(sharing);
    return this.#state === 'shared' ? this.#content : isolated(this.#content);
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

  #open(sharing: Sharing): void {
    const value = decodeValue(this.codec, this.payload);
    const isShared = typeof value !== 'object' || (sharing === 'shared' && frozen(value) !== undefined);
    if (isShared) this.#promise = Promise.resolve(value);
    this.#state = isShared ? 'shared' : 'isolated';
    this.#content = value;
  }

  #leaveIndex(): void {
    const name = this.#name as string;
    if (this.#index?.get(name) === this) this.#index.delete(name);
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
/** A value takes about so many times the bytes of its JSON. */
const DECODED = 2;
