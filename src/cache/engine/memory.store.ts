import { LRUCache } from 'lru-cache';
import type { Clock } from '../../coordination/clock.js';
import { decodeEntry, type Stamp } from './entry.js';
import {
  type CounterBasis,
  type CounterResult,
  type Fill,
  type Lease,
  type LeaseRequest,
  type Stamps,
  Store,
  type Write,
} from './store.js';

/** Bytes as Latin-1: a string takes much less than a small Buffer does. */
interface Kept {
  text: string;
  expiresAt: number;
}

/**
 * The store of one process, for `redis: false`: bounded entries, evicted least recently used first. Counters are
 * kept apart, exempt from eviction until their ttl.
 */
export class MemoryStore extends Store {
  readonly #entries: LRUCache<string, Kept>;
  readonly #counters = new Map<string, Kept>();
  readonly #leases = new Map<string, { lease: Lease; expiresAt: number }>();
  readonly #stamps = new Map<string, Stamp>();
  readonly #clock: Clock;
  #last: Stamp;
  readonly #sweepAt = { counters: LEAST_SWEPT, leases: LEAST_SWEPT };

  constructor(limits: { maxEntries: number; maxBytes: number }, clock: Clock) {
    super();
    this.#clock = clock;
    this.#last = clock.now() * 1_000;
    this.#entries = new LRUCache({
      max: limits.maxEntries,
      maxSize: limits.maxBytes,
      sizeCalculation: ({ text }, key) => text.length + key.length + ENTRY_OVERHEAD,
    });
  }

  async read(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    return keys.map((key) => bytesOf(this.#live(key)));
  }

  async write(writes: readonly Write[]): Promise<void> {
    for (const write of writes) {
      this.#leases.delete(write.key);
      this.#keep(write);
    }
  }

  async remove(keys: readonly string[]): Promise<number> {
    let removed = 0;
    for (const key of keys) {
      if (this.#live(key)) removed += 1;
      this.#leases.delete(key);
      this.#entries.delete(key);
      this.#counters.delete(key);
    }
    return removed;
  }

  async acquire(requests: readonly LeaseRequest[]): Promise<(string | undefined)[]> {
    return requests.map((request) => this.#acquire(request));
  }

  #acquire({ key, lease, lifetime, newerThan }: LeaseRequest): string | undefined {
    const now = this.#clock.now();
    const held = this.#leases.get(key);
    const useful =
      held !== undefined &&
      held.expiresAt > now &&
      held.lease.asOf >= newerThan &&
      held.lease.fingerprint === lease.fingerprint;
    if (useful) return held.lease.text;
    this.#leases.set(key, { lease, expiresAt: now + lifetime });
    if (this.#leases.size > this.#sweepAt.leases) this.#sweepAt.leases = this.#swept(this.#leases);
    return undefined;
  }

  async extend(key: string, lease: Lease, lifetime: number): Promise<boolean> {
    if (!this.#holds(key, lease)) return false;
    this.#leases.set(key, { lease, expiresAt: this.#clock.now() + lifetime });
    return true;
  }

  async fill(fills: readonly Fill[]): Promise<boolean[]> {
    return fills.map(({ lease, ...write }) => {
      if (!this.#holds(write.key, lease)) return false;
      this.#leases.delete(write.key);
      this.#keep(write);
      return true;
    });
  }

  async release(key: string, lease: Lease): Promise<void> {
    if (this.#leases.get(key)?.lease === lease) this.#leases.delete(key);
  }

  async increment(key: string, by: number, basis: CounterBasis): Promise<CounterResult> {
    const kept = this.#live(key);
    const bytes = bytesOf(kept);
    const entry = bytes && decodeEntry(bytes);
    const usable = entry && entry.asOf >= basis.clearedAt && entry.freshUntil > basis.now;
    if (usable && entry.tags.length > 0) return { refused: 'tagged' };
    const text = usable ? entry.payload.toString() : '0';
    if ((usable && entry.codec !== 'json') || !/^-?\d{1,16}$/.test(text))
      return { refused: 'not an integer' };
    const value = Number(text) + by;
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(Number(text))) return { refused: 'unsafe' };

    const header = usable ? bytes.subarray(0, bytes.length - entry.payload.length) : basis.header;
    const expiresAt = usable && kept ? kept.expiresAt : basis.now + basis.lifetime;
    this.#entries.delete(key);
    this.#leases.delete(key);
    this.#counters.set(key, { text: `${header.toString('latin1')}${value}`, expiresAt });
    if (this.#counters.size > this.#sweepAt.counters) this.#sweepAt.counters = this.#swept(this.#counters);
    return { value };
  }

  async stamps(tags: readonly string[]): Promise<Stamps> {
    return { clock: this.#last, of: tags.map((tag) => this.#stamps.get(tag) ?? 0) };
  }

  async invalidate(tags: readonly string[]): Promise<Stamp> {
    this.#last = Math.max(this.#clock.now() * 1_000, this.#last + 1);
    for (const tag of tags) this.#stamps.set(tag, this.#last);
    if (this.#stamps.size > MOST_STAMPS) this.#forgetStamps();
    return this.#last;
  }

  async announcePattern(): Promise<void> {}

  async *scan(prefix: string): AsyncIterable<string[]> {
    const keys = new Set([...this.#entries.keys(), ...this.#counters.keys(), ...this.#leases.keys()]);
    yield [...keys].filter((key) => key.startsWith(prefix));
  }

  #holds(key: string, lease: Lease): boolean {
    const held = this.#leases.get(key);
    return held?.lease === lease && held.expiresAt > this.#clock.now();
  }

  #keep({ key, bytes, lifetime }: Write): void {
    this.#counters.delete(key);
    this.#entries.set(key, { text: bytes.toString('latin1'), expiresAt: this.#clock.now() + lifetime });
  }

  #live(key: string): Kept | undefined {
    const kept = this.#counters.get(key) ?? this.#entries.get(key);
    if (!kept || kept.expiresAt > this.#clock.now()) return kept;
    this.#counters.delete(key);
    this.#entries.delete(key);
    return undefined;
  }

  /** Takes out what has expired, and says at which size again: when as many came as were left. Amortised. */
  #swept(map: Map<string, { expiresAt: number }>): number {
    const now = this.#clock.now();
    for (const [key, { expiresAt }] of map) if (expiresAt <= now) map.delete(key);
    return Math.max(LEAST_SWEPT, map.size * 2);
  }

  /** Bounded memory: forgetting a stamp is only safe when everything that may carry the tag is stale. */
  #forgetStamps(): void {
    this.#stamps.clear();
    this.#stamps.set('*', this.#last);
  }
}

const bytesOf = (kept: Kept | undefined): Buffer | undefined => kept && Buffer.from(kept.text, 'latin1');

const MOST_STAMPS = 100_000;
/** What an entry costs beside its bytes and key, roughly. */
const ENTRY_OVERHEAD = 200;
const LEAST_SWEPT = 1_024;
