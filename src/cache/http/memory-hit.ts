import type { IncomingHttpHeaders } from 'node:http';
import type { CacheService } from '../cache.service.js';
import type { KeptEntry } from '../engine/kept-entry.js';
import { cacheStatus } from './headers/cache-status.js';
import { decodeFrame, type StoredAnswer } from './responses/frame.js';
import { variantHash } from './key.js';
import { MOST_LEVELS } from './policy.js';

/** A fresh answer that memory keeps: it may be served as it is, at once. */
export interface MemoryHit {
  answer: StoredAnswer;
  kept: KeptEntry;
}

/** The one for these header values below a hash, if memory has all that leads to it. */
export function memoryHit(
  cache: CacheService,
  first: string,
  headers: IncomingHttpHeaders,
): MemoryHit | undefined {
  let hash = first;
  for (let level = 0; level < MOST_LEVELS; level += 1) {
    const kept = cache.peekEntry({ hash: { space: 'http', value: hash } });
    const frame = kept && decodeFrame(kept.payload);
    if (kept && frame?.kind === 'answer') return frame.stale?.always ? undefined : { answer: frame, kept };
    if (frame?.kind !== 'variants') return undefined;
    hash = variantHash(hash, frame.names, headers);
  }
  return undefined;
}

/** What is said of a hit at this moment. */
export function toldOfHit({ answer, kept }: MemoryHit, now: number): { age: number; cacheStatus: string } {
  return {
    age: answer.age + Math.max(0, Math.floor((now - kept.storedAt) / 1_000)),
    cacheStatus: cacheStatus({ hit: true, ttl: Math.floor((kept.freshUntil - now) / 1_000) }),
  };
}
