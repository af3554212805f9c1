import type { CacheService } from '../cache.service.js';
import type { EntryLead, EntryRequest, FoundEntry } from '../engine/entry-access.js';
import type { Likeness } from './bson/documents.js';
import type { QueryPolicy } from './query-policy.js';
import type { Bson, Decoding } from './read.js';
import { decodePayload } from './result.js';

/** A read that may be cached: how it is named, and how it is answered without the cache. */
export interface CacheableRead {
  /** The key of everything that the result depends on. */
  fingerprint: string;
  /** Registry tags: what may change the result, and the user's own. */
  tags: readonly string[];
  policy: QueryPolicy;
  decoding: Decoding;
  /** What the documents of its collection have in common. */
  likeness: Likeness;
  /** Whether others may be given the answer: not one of a secondary, which may be behind. */
  isShareable: boolean;
  /** The answer as bytes, or undefined where bytes can't hold it. `alone`: without the caller's session and signal. */
  load: (alone?: boolean) => Promise<Buffer | undefined>;
  /** The answer from the database, past the cache. */
  bypass: () => Promise<unknown>;
}

/** Answers reads from the cache. A hit decodes the bytes that a miss decodes, for each caller anew. */
export class CachedReads {
  constructor(
    private readonly cache: CacheService,
    private readonly bson: Bson,
  ) {}

  async answer(read: CacheableRead): Promise<unknown> {
    const opened = await this.#open(read);
    if (!opened) return read.bypass();
    if (opened.found) return this.#answerFrom(opened, read);
    if (!read.isShareable) {
      opened.pass();
      return read.bypass();
    }
    const payload = await this.#load(opened, read);
    return payload ? this.#decoded(payload, read) : read.bypass();
  }

  /** Undefined when the cache itself can't (it was closed, say): a query is never the worse for it. */
  async #open({ fingerprint, tags, policy }: CacheableRead): Promise<FoundEntry | EntryLead | undefined> {
    const name: EntryRequest =
      policy.key === undefined
        ? { hash: { space: 'query', value: fingerprint } }
        : { key: policy.key, fingerprint };
    try {
      return await this.cache.openEntry({ ...name, tags });
    } catch {
      return undefined; // no error of the database: loads that fail are passed on, never shared
    }
  }

  async #answerFrom(entry: FoundEntry, read: CacheableRead): Promise<unknown> {
    if (entry.refresh) void this.#refresh(entry.refresh, read);
    try {
      return this.#decoded(entry.entry.payload, read);
    } catch {
      return read.bypass();
    }
  }

  #decoded(payload: Buffer, { decoding, likeness }: CacheableRead): unknown {
    return decodePayload(payload, this.bson, decoding, likeness);
  }

  async #refresh(lead: EntryLead, read: CacheableRead): Promise<void> {
    if (!read.isShareable) return lead.pass();
    await this.#load(lead, read, true).catch(() => {}); // the stale answer has been given, the next one tries again
  }

  async #load(lead: EntryLead, read: CacheableRead, alone = false): Promise<Buffer | undefined> {
    let payload: Buffer | undefined;
    try {
      payload = await read.load(alone);
    } catch (error) {
      // It may be this caller's own: its time limit, its signal, its session. The others ask for themselves.
      lead.pass();
      throw error;
    }
    if (!payload) {
      lead.pass();
      return undefined;
    }
    const { ttl, staleTtl } = read.policy;
    await lead.fill(payload, { ttl, staleTtl, codec: 'bson' });
    return payload;
  }
}
