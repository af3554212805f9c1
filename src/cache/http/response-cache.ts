import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { CacheKeyError, CacheUnavailableError } from '../cache.errors.js';
import type { CacheService } from '../cache.service.js';
import type { FoundEntry } from '../engine/entry-access.js';
import { cacheStatus, type Forwarded } from './cache-status.js';
import { decodeFrame, encodeFrame, type StoredAnswer } from './frame.js';
import { HitForMiss } from './hit-for-miss.js';
import type { HttpCacheContext } from './http-cache.context.js';
import type { Exchange, Route } from './http-cache.route.js';
import { entryHash, headerValues, targetParts, variantHash } from './key.js';
import { Miss } from './miss.js';
import { bypassReason, FORWARDED } from './policy.js';
import { ReplayedResponse } from './replayed-response.js';
import { VariantLimit } from './variant-limit.js';

/** `answered`: the stored answer is on its way. `handle`: the handler has to run. */
export type Decision = 'answered' | 'handle';

/** Fingerprint of the entries under users' keys: a value that `cache.set` put there is not one of them. */
const GENERATION = 'http';
/** How often an answer may turn out to depend on further headers. */
const MOST_LEVELS = 4;

/** What becomes of a request to a cached route: bypassed, answered from the cache, or recorded for it. */
export class ResponseCache {
  readonly #hitForMiss = new HitForMiss();
  readonly #variants = new VariantLimit();
  readonly #responses = new WeakSet<object>();
  readonly #logger = new Logger('HttpCache');

  constructor(private readonly cache: CacheService) {}

  /** Never rejects: whatever goes wrong in the cache, the handler can answer. */
  async answer(exchange: Exchange, route: Route): Promise<Decision> {
    // Two caches on one route would wait for each other: the outer one does all there is to do.
    if (this.#responses.has(exchange.raw)) return 'handle';
    this.#responses.add(exchange.raw);
    try {
      return await this.#decide(exchange, route);
    } catch (error) {
      // What a request or Redis can bring about is no news; what the application's functions throw is.
      if (error instanceof CacheUnavailableError) return handle(exchange, 'bypass', 'unavailable');
      if (error instanceof CacheKeyError) return handle(exchange, 'bypass', 'key');
      this.#logger.error(`${route.id} goes without the cache`, error);
      return handle(exchange, 'bypass', 'error');
    }
  }

  async #decide(exchange: Exchange, route: Route): Promise<Decision> {
    const { context } = exchange;
    const rules = { scoped: route.scope !== undefined, vary: new Set(route.vary) };
    const reason = bypassReason(context, rules);
    if (reason !== undefined) return handle(exchange, reason === 'method' ? 'method' : 'bypass', reason);
    const scope = await scopeOf(route, context);
    if (scope === undefined) return handle(exchange, 'bypass', 'scope');
    return this.#lookUp(exchange, route, await this.#urlHash(exchange, route, scope));
  }

  /** The hash of all that tells this answer from others, but for header values. */
  async #urlHash({ context, version }: Exchange, route: Route, scope: string | null): Promise<string> {
    const key = typeof route.key === 'function' ? route.key(context) : route.key;
    const parts = targetParts(context.url, route.query);
    const routed = context.routedUrl === context.url ? [] : targetParts(context.routedUrl, route.query);
    return entryHash({
      route: [route.id, context.pattern, version],
      scheme: context.scheme,
      host: context.host,
      target:
        key === undefined
          ? ['url', ...parts, ...routed]
          : ['key', key, await this.#generation(key, route.ttl)],
      forwarded: headerValues(FORWARDED, context.headers),
      scope,
    });
  }

  /**
   * What lives under a user's key is no answer but a random generation, part of the hashes of all answers under
   * it: deleting the key puts them out of reach at once, those being made included. It lives as long as it is used.
   */
  async #generation(key: string, ttl: number): Promise<string> {
    const entry = await this.cache.openEntry({ key, fingerprint: GENERATION });
    const lifetimes = { ttl, staleTtl: ttl, codec: 'http' } as const;
    if (!entry.found) {
      const id = randomUUID();
      await entry.fill(encodeFrame({ kind: 'generation', id }), lifetimes);
      return id;
    }
    void entry.refresh?.fill(entry.entry.payload, lifetimes).catch(() => {});
    const frame = decodeFrame(entry.entry.payload);
    return frame?.kind === 'generation' ? frame.id : randomUUID();
  }

  async #lookUp(exchange: Exchange, route: Route, url: string): Promise<Decision> {
    const { headers } = exchange.context;
    const keyedHeaders = [...route.vary];
    let hash = route.vary.length > 0 ? variantHash(url, route.vary, headers) : url;
    let fwd: Forwarded = 'uri-miss';
    for (let level = 0; level < MOST_LEVELS; level += 1) {
      if (!this.#hitForMiss.enter(hash)) return handle(exchange, fwd, 'uncacheable');
      const found = await this.#open(exchange, route, { url, hash, fwd, keyedHeaders });
      if (typeof found === 'string') return found;
      const frame = decodeFrame(found.entry.payload);
      if (frame?.kind === 'answer') return this.#serve(exchange, frame, found, fwd);
      if (frame?.kind !== 'variants') return handle(exchange, fwd, 'unreadable');
      hash = variantHash(hash, frame.names, headers);
      keyedHeaders.push(...frame.names);
      fwd = 'vary-miss';
    }
    return handle(exchange, fwd, 'vary');
  }

  /** The entry; without one, what to do: this request makes it, if it can. */
  async #open(
    exchange: Exchange,
    route: Route,
    at: { url: string; hash: string; fwd: Forwarded; keyedHeaders: readonly string[] },
  ): Promise<FoundEntry | Decision> {
    const { hash, fwd } = at;
    const tags = this.cache.registryTags(route.tags.filter((tag) => typeof tag === 'string'));
    const entry = await this.cache.openEntry({ hash: { space: 'http', value: hash }, tags });
    if (entry.found) {
      this.#hitForMiss.clear(hash);
      entry.refresh?.pass();
      return entry;
    }
    const isGone = exchange.raw.destroyed || exchange.raw.closed;
    if (entry.alone || isGone || exchange.context.method === 'HEAD') {
      entry.pass();
      if (entry.alone) this.#hitForMiss.mark(hash);
      else this.#hitForMiss.leave(hash);
      return handle(exchange, fwd, entry.alone ? 'busy' : undefined);
    }
    const miss = new Miss({
      cache: this.cache,
      exchange,
      route,
      lead: entry,
      ...at,
      admits: (variant) => variant === at.url || this.#variants.admits(at.url, variant),
      onOutcome: (outcome) => {
        if (outcome === 'refused') this.#hitForMiss.mark(hash);
        else if (outcome === 'stored') this.#hitForMiss.clear(hash);
        else this.#hitForMiss.leave(hash);
      },
      onError: (error) => this.#logger.error(`An answer of ${route.id} was not stored`, error),
    });
    miss.record();
    return 'handle';
  }

  #serve(exchange: Exchange, answer: StoredAnswer, found: FoundEntry, fwd: Forwarded): Decision {
    const { context, raw, entryHeaders, isEnded } = exchange;
    const now = this.cache.options.clock.now();
    const replayed = new ReplayedResponse(raw, {
      answer,
      entryHeaders,
      method: context.method,
      requestHeaders: context.headers,
      age: answer.age + seconds(now - found.entry.storedAt),
      // What was made while this request waited was not there when it came.
      cacheStatus: cacheStatus(
        found.source === 'flight' && found.entry.storedAt > exchange.askedAt
          ? { hit: false, fwd, collapsed: true }
          : { hit: true, ttl: seconds(found.entry.freshUntil - now) },
      ),
    });
    if (isEnded) replayed.attach();
    else replayed.attach().sendNow();
    return 'answered';
  }
}

/** Who the answer is for: null for whoever asks, undefined if that is not known. */
async function scopeOf({ scope }: Route, context: HttpCacheContext): Promise<string | null | undefined> {
  if (typeof scope !== 'function') return null;
  const said: unknown = (await scope(context)) ?? undefined; // null is what many databases and tokens say for nobody
  if (said === undefined || typeof said === 'string') return said;
  throw new TypeError('scope gave something that is no string');
}

/** The handler answers and nothing is recorded; the response says why. */
function handle({ raw }: Exchange, fwd: Forwarded, detail?: string): Decision {
  if (!raw.headersSent) raw.setHeader('Cache-Status', cacheStatus({ hit: false, fwd, detail }));
  return 'handle';
}

const seconds = (milliseconds: number): number => Math.max(0, Math.floor(milliseconds / 1_000));
