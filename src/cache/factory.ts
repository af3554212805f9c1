import { toMilliseconds, type Duration } from '../duration.js';
import { CacheFactoryTimeoutError } from './cache.errors.js';
import { encodeValue } from './engine/codec.js';
import type { EntryLead } from './engine/entry-access.js';

/** What loads a value that the cache doesn't have. */
export type Factory<T> = (context: FactoryContext) => T | Promise<T>;

/** What a factory of `getOrSet` is told, and may say about its result. */
export interface FactoryContext {
  /** Aborted when the cache is closed, and when the factory takes longer than `timeout.hard`. */
  readonly signal: AbortSignal;
  /** The value that is there, where the load is its refresh in the background. */
  readonly stale: unknown;
  readonly setTtl: (ttl: Duration) => void;
  readonly addTags: (...tags: string[]) => void;
  /** Don't store the result. Those who wait for it get it all the same. */
  readonly skip: () => void;
}

/** How the result is to be stored, unless the factory says otherwise. */
export interface FactoryTerms {
  key: string;
  ttl: number;
  staleTtl: number;
  /** Registry tags. */
  tags: readonly string[];
  /** Milliseconds that the factory may take. */
  longest: number | undefined;
  /** Registry tags of tags that the factory names. */
  registryTags(tags: readonly string[]): string[];
  /** All that are under way in this cache. */
  runs: FactoryRuns;
  stale?: unknown;
}

/** Factories under way. A signal of each that follows one of the cache would be held by that for ever. */
export class FactoryRuns {
  readonly #running = new Set<FactoryRun>();
  #isClosed = false;

  begin(run: FactoryRun): void {
    if (this.#isClosed) run.close();
    else this.#running.add(run);
  }

  end(run: FactoryRun): void {
    this.#running.delete(run);
  }

  /** The cache is closed: the signal of each is aborted, and none keeps the process alive. */
  close(): void {
    this.#isClosed = true;
    for (const run of this.#running) run.close();
    this.#running.clear();
  }
}

/**
 * Runs the factory and ends its lead: with the result, or with the error, which is thrown on.
 *
 * @throws CacheFactoryTimeoutError for one that takes too long; what it gives later is dropped
 */
export async function runFactory<T>(lead: EntryLead, factory: Factory<T>, terms: FactoryTerms): Promise<T> {
  const run = new FactoryRun(terms);
  terms.runs.begin(run);
  try {
    const value = await run.result(factory);
    const { codec, payload } = encodeValue(value);
    const { tags, staleTtl } = run;
    const ttl = value === undefined || run.isSkipped ? 0 : run.ttl;
    await lead.fill(payload, { codec, ttl, staleTtl, tags });
    return value;
  } catch (error) {
    lead.fail(error);
    throw error;
  } finally {
    terms.runs.end(run);
  }
}

class FactoryRun implements FactoryContext {
  ttl: number;
  readonly staleTtl: number;
  readonly tags: string[];
  readonly stale: unknown;
  isSkipped = false;
  readonly #abortion = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly terms: FactoryTerms) {
    this.ttl = terms.ttl;
    this.staleTtl = terms.staleTtl;
    this.tags = [...terms.tags];
    this.stale = terms.stale;
  }

  get signal(): AbortSignal {
    return this.#abortion.signal;
  }

  // Functions of their own: factories take them out of their context, `({ setTtl }) => …`.
  readonly setTtl = (ttl: Duration): void => {
    this.ttl = toMilliseconds(ttl, 'ttl');
  };

  readonly addTags = (...tags: string[]): void => {
    this.tags.push(...this.terms.registryTags(tags));
  };

  readonly skip = (): void => {
    this.isSkipped = true;
  };

  close(): void {
    this.#timer?.unref();
    this.#abortion.abort();
  }

  async result<T>(factory: Factory<T>): Promise<T> {
    const { longest, key } = this.terms;
    if (longest === undefined) return factory(this);
    const late = new Promise<never>((_, reject) => {
      this.#timer = setTimeout(() => {
        const error = new CacheFactoryTimeoutError(key, longest);
        this.#abortion.abort(error);
        reject(error);
      }, longest);
    });
    if (this.signal.aborted) this.#timer?.unref();
    const loaded = (async () => factory(this))();
    loaded.catch(() => {}); // after its time nobody listens any more
    try {
      return await Promise.race([loaded, late]);
    } finally {
      clearTimeout(this.#timer);
    }
  }
}
