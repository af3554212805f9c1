import { LRUCache } from 'lru-cache';

/** Answers of one URL that differ by request headers: beyond this, header values are noise, or an attack. */
const MOST_VARIANTS = 64;
const MOST_URLS = 1_000;
const WINDOW = 3_600_000;

/** Bounds how many answers to different header values this process stores for one URL, within an hour. */
export class VariantLimit {
  readonly #stored = new LRUCache<string, Set<string>>({ max: MOST_URLS, ttl: WINDOW });

  /** Whether one more may be stored. */
  admits(url: string, variant: string): boolean {
    const variants = this.#stored.get(url) ?? new Set();
    if (variants.has(variant)) return true;
    if (variants.size >= MOST_VARIANTS) return false;
    variants.add(variant);
    if (variants.size === 1) this.#stored.set(url, variants);
    return true;
  }
}
