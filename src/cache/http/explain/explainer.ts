import { CacheKeyError, CacheUnavailableError } from '../../cache.errors.js';
import type { CacheService } from '../../cache.service.js';
import { obstacleOf } from '../entrance.js';
import { explainedEntry, explainedKey, explainedRoute, type HttpCacheExplanation } from './explanation.js';
import { knownTags } from '../filling.js';
import { decodeFrame } from '../responses/frame.js';
import type { HitForMiss } from '../hit-for-miss.js';
import type { Exchange, Route } from '../http-cache.route.js';
import { entryHash, variantHash, type EntryIdentity } from '../key.js';
import { MOST_LEVELS } from '../policy.js';
import { NO_DIRECTIVES, requestDirectives, type RequestDirectives } from '../headers/request-directives.js';
import type { RouteKeys } from '../route-keys.js';
import { standingOf, useOf } from '../use.js';

/** Says what would become of a request, and does nothing of it: no lease, no load, no entry, no count. */
export class Explainer {
  constructor(
    private readonly cache: CacheService,
    private readonly keys: RouteKeys,
    private readonly hitForMiss: HitForMiss,
  ) {}

  /** Never rejects. */
  async explain(exchange: Exchange, route: Route): Promise<HttpCacheExplanation> {
    const about = { route: explainedRoute(route) };
    const bypass = (reason: string): HttpCacheExplanation => ({ outcome: 'bypass', reason, ...about });
    try {
      const asked = route.requestDirectives ? requestDirectives(exchange.context.headers) : NO_DIRECTIVES;
      const obstacle = obstacleOf(exchange.context, route, asked);
      if (obstacle !== undefined) return bypass(obstacle);
      const identity = await this.keys.told(exchange, route);
      if (!identity) return bypass('scope');
      const explanation = { ...about, ...(await this.#find(exchange, route, { identity, asked })) };
      const isRefused = asked.onlyIfCached && explanation.outcome === 'miss';
      return isRefused ? { ...explanation, outcome: 'bypass', reason: 'only-if-cached' } : explanation;
    } catch (error) {
      if (error instanceof CacheUnavailableError) return bypass('unavailable');
      return bypass(error instanceof CacheKeyError ? 'key' : 'error');
    }
  }

  async #find(
    exchange: Exchange,
    route: Route,
    { identity, asked }: { identity: EntryIdentity; asked: RequestDirectives },
  ): Promise<HttpCacheExplanation> {
    const { cache } = this;
    const { headers } = exchange.context;
    const tags = knownTags(cache, exchange, route);
    const url = entryHash(identity);
    const names = [...route.vary];
    let hash = names.length > 0 ? variantHash(url, names, headers) : url;
    let reason = 'uri-miss';
    for (let level = 0; level < MOST_LEVELS; level += 1) {
      const found = await cache.findEntry({ hash: { space: 'http', value: hash }, tags });
      const key = explainedKey(url, identity, [names, headers]);
      const frame = found && decodeFrame(found.entry.payload);
      if (found && frame?.kind === 'answer') {
        const standing = standingOf(frame, found.entry, { now: cache.options.clock.now(), ...exchange });
        const entry = explainedEntry(cache, found, frame, standing);
        const isStale = standing.freshFor <= 0 || standing.limits.always === true;
        switch (useOf(standing, asked)) {
          case 'serve':
            return { outcome: isStale ? 'stale' : 'hit', key, entry };
          case 'refresh':
            return { outcome: 'stale', reason: 'stale-while-revalidate', key, entry };
          case 'revalidate':
            return { outcome: 'miss', reason: isStale ? 'stale' : 'request', key, entry };
        }
      }
      if (frame?.kind !== 'variants') {
        if (found) reason = 'unreadable';
        else if (this.hitForMiss.has(hash)) reason = 'uncacheable';
        return { outcome: 'miss', reason, key };
      }
      names.push(...frame.names);
      hash = variantHash(hash, frame.names, headers);
      reason = 'vary-miss';
    }
    return { outcome: 'miss', reason: 'vary' };
  }
}
