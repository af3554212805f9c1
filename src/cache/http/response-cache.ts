import { Logger } from '@nestjs/common';
import { CacheKeyError, CacheUnavailableError } from '../cache.errors.js';
import type { CacheService } from '../cache.service.js';
import type { Forwarded } from './cache-status.js';
import { decodeFrame } from './frame.js';
import { HitForMiss } from './hit-for-miss.js';
import type { Exchange, Route } from './http-cache.route.js';
import { variantHash } from './key.js';
import { knownTags } from './filling.js';
import { bypassReason } from './policy.js';
import { NO_DIRECTIVES, requestDirectives } from './request-directives.js';
import { handle, refuse, type Decision } from './decision.js';
import { RequestWatch } from './request-watch.js';
import { RouteKeys } from './route-keys.js';
import { Revalidations } from './revalidations.js';
import { StoredAnswers, type Place } from './stored-answers.js';
import { UnkeyedReads } from './unkeyed-reads.js';

/** How often an answer may turn out to depend on further headers. */
const MOST_LEVELS = 4;

/** What becomes of a request to a cached route: bypassed, answered from the cache, or recorded for it. */
export class ResponseCache {
  readonly #hitForMiss = new HitForMiss();
  readonly #revalidations = new Revalidations();
  readonly #responses = new WeakSet<object>();
  readonly #logger = new Logger('HttpCache');
  readonly #keys: RouteKeys;
  readonly #answers: StoredAnswers;

  constructor(private readonly cache: CacheService) {
    this.#keys = new RouteKeys(cache);
    this.#answers = new StoredAnswers(
      cache,
      this.#hitForMiss,
      this.#revalidations,
      new UnkeyedReads(this.#logger),
      (problem, error) => this.#logger.error(problem, error),
    );
  }

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
    const asked = route.requestDirectives ? requestDirectives(context.headers) : NO_DIRECTIVES;
    const reason = bypassReason(context, { scoped: route.scope !== undefined, vary: new Set(route.vary) });
    if (reason === 'method') return handle(exchange, 'method', 'method');
    const bypass = (detail: string): Decision =>
      asked.onlyIfCached ? refuse(exchange) : handle(exchange, 'bypass', detail);
    if (reason !== undefined) return bypass(reason);
    // Whoever leaves freshness to the answer has a proxy before the handler, which answers for parts of it, too.
    const part = ['range', 'if-range'].find(
      (name) => context.headers[name] !== undefined && !route.vary.includes(name),
    );
    const isAnswered = route.freshness === 'response' && context.method === 'GET';
    if (part !== undefined && !isAnswered) return bypass(part);
    if (asked.noStore) return bypass('no-store');
    if (route.strict) exchange.watch = new RequestWatch(context.request);
    const url = await this.#keys.of(exchange, route);
    if (url === undefined) return bypass('scope');

    const awaited = this.#revalidations.take(context.rawRequest);
    if (awaited) return awaited.claim({ exchange, route, url }) ? 'handle' : handle(exchange, 'bypass');
    return this.#lookUp({ exchange, route, url, asked });
  }

  async #lookUp(of: Pick<Place, 'exchange' | 'route' | 'url' | 'asked'>): Promise<Decision> {
    const { exchange, route, url } = of;
    const { headers } = exchange.context;
    const tags = knownTags(this.cache, exchange, route);
    const keyedHeaders = [...route.vary];
    let hash = route.vary.length > 0 ? variantHash(url, route.vary, headers) : url;
    let fwd: Forwarded = 'uri-miss';
    for (let level = 0; level < MOST_LEVELS; level += 1) {
      if (!this.#hitForMiss.enter(hash)) return handle(exchange, fwd, 'uncacheable');
      const place: Place = { ...of, hash, fwd, keyedHeaders: [...keyedHeaders], tags };
      const opened = await this.cache.openEntry({ hash: { space: 'http', value: hash }, tags });
      if (!opened.found) return this.#answers.miss(place, opened);
      this.#hitForMiss.clear(hash);
      const frame = decodeFrame(opened.entry.payload);
      if (frame?.kind === 'answer') return this.#answers.use(place, frame, opened);
      opened.refresh?.pass();
      if (frame?.kind !== 'variants') return handle(exchange, fwd, 'unreadable');
      hash = variantHash(hash, frame.names, headers);
      keyedHeaders.push(...frame.names);
      fwd = 'vary-miss';
    }
    return handle(exchange, fwd, 'vary');
  }
}
