import { LRUCache } from 'lru-cache';

/** How long it is remembered that an answer could not be shared, and for how many. */
const REMEMBERED = 5_000;
const MOST = 10_000;

/**
 * Remembers whose last answer could not be shared. Requests for it then don't wait for each other: one at a time
 * asks the cache, in case the next answer can be shared, the others go to the handler at once.
 */
export class HitForMiss {
  readonly #marks = new LRUCache<string, { isAsked: boolean }>({ max: MOST, ttl: REMEMBERED });

  /** Whether this request may ask the cache, and wait for others. It then has to `leave`. */
  enter(hash: string): boolean {
    const mark = this.#marks.get(hash);
    if (mark?.isAsked) return false;
    if (mark) mark.isAsked = true;
    return true;
  }

  /** Whether the last answer could not be shared. */
  has(hash: string): boolean {
    return this.#marks.has(hash);
  }

  leave(hash: string): void {
    const mark = this.#marks.get(hash);
    if (mark) mark.isAsked = false;
  }

  mark(hash: string): void {
    this.#marks.set(hash, { isAsked: false });
  }

  clear(hash: string): void {
    this.#marks.delete(hash);
  }
}
