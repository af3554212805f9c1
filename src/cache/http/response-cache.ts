import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Logger } from '@nestjs/common';
import { shown } from '../../errors.js';
import { CacheKeyError, CacheUnavailableError } from '../cache.errors.js';
import type { CacheService } from '../cache.service.js';
import type { Forwarded } from './headers/cache-status.js';
import { EarlyHits } from './early/early-hits.js';
import { obstacleOf } from './entrance.js';
import { Explainer } from './explain/explainer.js';
import { decodeFrame } from './responses/frame.js';
import { HitForMiss } from './hit-for-miss.js';
import type { Exchange, Route } from './http-cache.route.js';
import { targetParts, variantHash } from './key.js';
import { knownTags } from './filling.js';
import { MOST_LEVELS } from './policy.js';
import { NO_DIRECTIVES, requestDirectives } from './headers/request-directives.js';
import { memoryHit, toldOfHit } from './memory-hit.js';
import { serve, handle, refuse, sendNothing, type Decision } from './decision.js';
import type { HttpCacheExplanation } from './explain/explanation.js';
import { Questions } from './explain/questions.js';
import { RequestWatch } from './strict/request-watch.js';
import { RouteKeys } from './route-keys.js';
import { Revalidations } from './revalidations.js';
import { StoredAnswers, type Place } from './stored-answers.js';
import { UnkeyedReads } from './strict/unkeyed-reads.js';

type Marked = ServerResponse & { [mark: symbol]: true | undefined };

/** What becomes of a request to a cached route: bypassed, answered from the cache, or recorded for it. */
export class ResponseCache {
  readonly #hitForMiss = new HitForMiss();
  readonly #revalidations = new Revalidations();
  /** On responses that were seen. A WeakSet of them would be looked through by each garbage collection. */
  readonly #seen = Symbol('seen');
  readonly #logger = new Logger('HttpCache');
  readonly #keys: RouteKeys;
  readonly #early: EarlyHits;
  readonly #answers: StoredAnswers;
  readonly #explainer: Explainer;
  /** Requests that only want to know what would become of them. */
  readonly questions = new Questions();

  /** @param logs whether there is an application whose logger says what is to be logged: Nest's own says all */
  constructor(
    private readonly cache: CacheService,
    private readonly logs: boolean,
  ) {
    this.#keys = new RouteKeys(cache);
    this.#explainer = new Explainer(cache, this.#keys, this.#hitForMiss);
    this.#early = new EarlyHits(cache, this.#keys);
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
    const raw = exchange.raw as Marked;
    if (raw[this.#seen]) return 'handle';
    raw[this.#seen] = true;
    if (this.questions.isOne(exchange.context.rawRequest)) return this.explain(exchange, route);
    if (this.#isLogged()) this.#logWhenOver(exchange, route);
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

  /**
   * Serves what memory has, without a promise, where that is all there is to it; false: `answer` has to see to it.
   * Never throws.
   */
  answerAtOnce(exchange: Exchange, route: Route): boolean {
    const { context } = exchange;
    const raw = exchange.raw as Marked;
    const { headers } = context;
    if (raw[this.#seen]) return false; // whoever watches the request is not to take this for the handler's reads
    if (this.questions.isOne(context.rawRequest) || this.#isLogged()) return false;
    const hasDirectives = headers['cache-control'] !== undefined || headers.pragma !== undefined;
    if (route.requestDirectives && hasDirectives) return false;
    try {
      if (obstacleOf(context, route, NO_DIRECTIVES) !== undefined) return false;
      const url = this.#keys.atOnce(exchange, route);
      if (url === undefined) return false;
      const hit = memoryHit(this.cache, firstHash(url, route, headers), headers);
      if (!hit) return false;
      raw[this.#seen] = true;
      if (route.early) this.#early.learn(exchange, route, { hash: url, generation: undefined });
      this.cache.countHit(hit.kept);
      const told = toldOfHit(hit, this.cache.options.clock.now());
      serve(exchange, hit.answer, { ...told, mayBePart: route.freshness === 'response' });
      return true;
    } catch {
      return false;
    }
  }

  /** Tells who asked what would become of the request, and sends nothing. `route`: undefined where it is not cached. */
  async explain(exchange: Exchange, route: Route | undefined): Promise<Decision> {
    const explanation: HttpCacheExplanation = route
      ? await this.#explainer.explain(exchange, route)
      : { outcome: 'uncached', reason: 'route' };
    this.questions.answer(exchange.context.rawRequest, explanation);
    return sendNothing(exchange);
  }

  /**
   * What stands before the framework and answers what is certain; gives whether it did.
   *
   * @param versionOf the API version that a request asks for by its headers
   */
  early(
    versionOf: (request: IncomingMessage) => string | null,
  ): (request: IncomingMessage, response: ServerResponse) => boolean {
    return (request, response) => {
      if (this.questions.isOne(request)) return false;
      const served = this.#early.serve(request, response, versionOf(request));
      if (served && this.#isLogged())
        this.#log(request.url ?? '', request.method, [response.statusCode, served.route.id, served.status]);
      return served !== undefined;
    };
  }

  #isLogged(): boolean {
    return this.logs && Logger.isLevelEnabled('debug');
  }

  #logWhenOver({ context, raw }: Exchange, { id }: Route): void {
    raw.once('close', () => {
      const status = [raw.getHeader('cache-status') ?? 'flora'].flat().join(', ');
      this.#log(context.url, context.method, [raw.statusCode, id, status]);
    });
  }

  /** The path without its query, where secrets may be: no header, no body, no name. */
  #log(url: string, method: string | undefined, [code, id, status]: [number, string, string]): void {
    this.#logger.debug(`${method} ${shown(targetParts(url)[0])} ${code} ${id}: ${status}`);
  }

  async #decide(exchange: Exchange, route: Route): Promise<Decision> {
    const { context } = exchange;
    const asked = route.requestDirectives ? requestDirectives(context.headers) : NO_DIRECTIVES;
    const obstacle = obstacleOf(context, route, asked);
    if (obstacle === 'method') return handle(exchange, 'method', 'method');
    const bypass = (detail: string): Decision =>
      asked.onlyIfCached ? refuse(exchange) : handle(exchange, 'bypass', detail);
    if (obstacle !== undefined) return bypass(obstacle);
    if (route.strict) exchange.watch = new RequestWatch(context.request);
    const key = await this.#keys.of(exchange, route);
    if (key === undefined) return bypass('scope');
    const url = key.hash;
    if (route.early) this.#early.learn(exchange, route, key);

    const awaited = this.#revalidations.take(context.rawRequest);
    if (awaited) return awaited.claim({ exchange, route, url }) ? 'handle' : handle(exchange, 'bypass');
    return this.#lookUp({ exchange, route, url, asked });
  }

  async #lookUp(of: Pick<Place, 'exchange' | 'route' | 'url' | 'asked'>): Promise<Decision> {
    const { exchange, route, url } = of;
    const { headers } = exchange.context;
    const tags = knownTags(this.cache, exchange, route);
    const keyedHeaders = [...route.vary];
    let hash = firstHash(url, route, headers);
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

/** Where the answer for the values of the route's own headers is. */
const firstHash = (url: string, { vary }: Route, headers: IncomingHttpHeaders): string =>
  vary.length > 0 ? variantHash(url, vary, headers) : url;
