import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.js';

interface Kept {
  entry: Entry;
  until: number;
}

/** The right to put what is being read or written under a key, lost as soon as the key is dropped. */
export interface Ticket {
  key: string;
  holders: number;
  lost: boolean;
}

/**
 * The tier in this process, in front of the shared store: bounded, synchronous, holding undecoded entries, so
 * that each caller decodes values of its own. It answers nothing by itself: validity is the caller's to check.
 */
export class MemoryTier {
  readonly #kept: LRUCache<string, Kept>;
  readonly #tickets = new Map<string, Ticket>();

  constructor(
    limits: { maxEntries: number; maxBytes: number },
    private readonly longest: number,
  ) {
    this.#kept = new LRUCache({
      max: limits.maxEntries,
      maxSize: limits.maxBytes,
      sizeCalculation: ({ entry }, key) => entry.payload.length + key.length + ENTRY_OVERHEAD,
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string, now: number): Entry | undefined {
    const kept = this.#kept.get(key);
    if (!kept || kept.until > now) return kept?.entry;
    this.#kept.delete(key);
    return undefined;
  }

  /** To be taken before a key is read from or written to the store, and handed back to `put` or `leave`. */
  take(key: string): Ticket {
    const ticket = this.#tickets.get(key) ?? { key, holders: 0, lost: false };
    ticket.holders += 1;
    this.#tickets.set(key, ticket);
    return ticket;
  }

  /** Keeps an entry, unless its key was dropped since the ticket was taken. */
  put(ticket: Ticket, entry: Entry, now: number, longest = this.longest): void {
    this.leave(ticket);
    const until = Math.min(entry.staleUntil, now + longest);
    if (ticket.lost || until <= now) return;
    this.#kept.set(ticket.key, { entry: { ...entry, payload: own(entry.payload) }, until });
  }

  leave(ticket: Ticket): void {
    ticket.holders -= 1;
    if (ticket.holders === 0 && this.#tickets.get(ticket.key) === ticket) this.#tickets.delete(ticket.key);
  }

  drop(key: string): void {
    this.#kept.delete(key);
    this.#loseTicket(key);
  }

  dropWhere(matches: (key: string) => boolean): void {
    for (const key of this.#kept.keys()) if (matches(key)) this.#kept.delete(key);
    for (const key of this.#tickets.keys()) if (matches(key)) this.#loseTicket(key);
  }

  clear(): void {
    this.#kept.clear();
    for (const key of this.#tickets.keys()) this.#loseTicket(key);
  }

  #loseTicket(key: string): void {
    const ticket = this.#tickets.get(key);
    if (!ticket) return;
    ticket.lost = true;
    this.#tickets.delete(key);
  }
}

/** Bytes read from a socket are a part of all that arrived together: kept as such, they would keep all of it. */
function own(payload: Buffer): Buffer {
  if (payload.buffer.byteLength <= payload.length + ENTRY_OVERHEAD) return payload;
  const bytes = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(bytes);
  return bytes;
}

/** What an entry costs beside its payload and key, roughly: header object, tags, list nodes. */
const ENTRY_OVERHEAD = 300;
