import type { CacheEngine } from './engine/cache-engine.js';
import { decodeValue } from './engine/codec.js';
import type { Entry } from './engine/entry.js';
import { KeptEntry, type Sharing } from './engine/kept-entry.js';

type Decode = (payload: Buffer) => unknown;

/** The values of entries, as callers get them. */
export class Values {
  readonly sharing: Sharing;
  readonly #decoders = new Map<string, Decode>();

  constructor(private readonly engine: CacheEngine) {
    this.sharing = engine.options.memory ? engine.options.memory.values : 'isolated';
  }

  /** How values of a codec that is not the cache's own are read. */
  decodeWith(codec: 'bson' | 'http', decode: Decode): void {
    this.#decoders.set(codec, decode);
  }

  /** The value in a box, since `undefined` may be one; no box for bytes that nobody here can read. */
  of(key: string, entry: Entry): { value: unknown } | undefined {
    const { codec } = entry;
    try {
      if (codec === 'json' || codec === 'typed') {
        const isKept = entry instanceof KeptEntry;
        return { value: isKept ? entry.value(this.sharing) : decodeValue(codec, entry.payload) };
      }
      const decode = this.#decoders.get(codec);
      return decode && { value: decode(entry.payload) };
    } catch {
      this.engine.events.emit('unreadable', { key });
      return undefined;
    }
  }
}
