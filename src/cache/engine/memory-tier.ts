import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.js';
import { KeptEntry } from './kept-entry.js';

/** The right to put what is being read or written under a key, lost as soon as the key is dropped. */
export interface Ticket {
  key: string;
  holders: number;
  lost: boolean;
}

/** Uses of one entry within this time, in ms, count as one: enough to know what was not used for longest. */
const TOUCH_EVERY = 1_000;

/**
 * The tier in this process, in front of the store: bounded, synchronous. It answers nothing by itself: validity
 * is the caller's to check.
 */
export class MemoryTier {
  readonly #kept: LRUCache<string, KeptEntry>;
  readonly #tickets = new Map<string, Ticket>();

  constructor(
    limits: { maxEntries: number; maxBytes: number },
    private readonly longest: number,
    /**
     * Whether what is written is kept at once, or only what is read: the store behind may be in memory, too. Pages are
     * kept in any case: whoever answers before the framework looks nowhere else.
     */
    private readonly keepsWrites: boolean,
  ) {
    this.#kept = new LRUCache({
      max: limits.maxEntries,
      maxSize: limits.maxBytes,
      sizeCalculation: ({ size }, key) => size + key.length + ENTRY_OVERHEAD,
      dispose: (kept) => kept.drop(),
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Bytes that its entries take, estimated. */
  get bytes(): number {
    return this.#kept.calculatedSize;
  }

  get(key: string, now: number): KeptEntry | undefined {
    const kept = this.#kept.get(key);
    if (!kept || kept.until > now) return kept;
    this.#kept.delete(key);
    return undefined;
  }

  /** Tells that an entry that was had from elsewhere is in use. */
  touch(kept: KeptEntry, now: number): void {
    if (kept.isToTell(now, TOUCH_EVERY)) this.#kept.get(kept.key);
  }

  /** To be taken before a key is read from or written to the store, and handed back to `put` or `leave`. */
  take(key: string): Ticket {
    let ticket = this.#tickets.get(key);
    if (!ticket) {
      ticket = { key, holders: 0, lost: false };
      this.#tickets.set(key, ticket);
    }
    ticket.holders += 1;
    return ticket;
  }

  /** Keeps what was read, unless its key was dropped since the ticket was taken; gives it as it is kept. */
  put(ticket: Ticket, entry: Entry, now: number): KeptEntry | undefined {
    this.leave(ticket);
    return ticket.lost ? undefined : this.#keep(ticket.key, entry, now, this.longest);
  }

  /** The same for what was written. What others read meanwhile may be older: it goes, and is not kept after it. */
  replace(ticket: Ticket, entry: Entry, now: number, longest = this.longest): void {
    const { key, lost } = ticket;
    this.leave(ticket);
    this.drop(key);
    const isKept = this.keepsWrites || entry.codec === 'http';
    if (!lost && isKept) this.#keep(key, entry, now, longest);
  }

  leave(ticket: Ticket): void {
    ticket.holders -= 1;
    if (ticket.holders === 0 && this.#tickets.get(ticket.key) === ticket) this.#tickets.delete(ticket.key);
  }

  drop(key: string): void {
    this.#kept.delete(key);
    if (this.#tickets.size > 0) this.#loseTicket(key);
  }

  dropWhere(matches: (key: string) => boolean): void {
    for (const key of this.#kept.keys()) if (matches(key)) this.#kept.delete(key);
    for (const key of this.#tickets.keys()) if (matches(key)) this.#loseTicket(key);
  }

  clear(): void {
    this.#kept.clear();
    for (const key of this.#tickets.keys()) this.#loseTicket(key);
  }

  #keep(key: string, entry: Entry, now: number, longest: number): KeptEntry | undefined {
    const until = Math.min(entry.staleUntil, now + longest);
    if (until <= now) return undefined;
    const kept = new KeptEntry(key, entry, until, now);
    this.#kept.set(key, kept);
    return this.#kept.peek(key) === kept ? kept : undefined; // it may be too large for all of memory
  }

  #loseTicket(key: string): void {
    const ticket = this.#tickets.get(key);
    if (!ticket) return;
    ticket.lost = true;
    this.#tickets.delete(key);
  }
}

/** What an entry costs beside its payload and key, roughly: header object, tags, list nodes. */
const ENTRY_OVERHEAD = 400;
