import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { CacheService } from '../cache.service.js';
import { decodeFrame, encodeFrame } from './responses/frame.js';
import type { HttpCacheContext } from './http-cache.context.js';
import type { Exchange, Route } from './http-cache.route.js';
import { entryHash, headerValues, targetParts, type EntryIdentity } from './key.js';
import { FORWARDED } from './policy.js';
import { requestIdentity } from './request-identity.js';

/** Fingerprint of the entries under users' keys: a value that `cache.set` put there is not one of them. */
const GENERATION = 'http';
const LONGEST_GENERATION = 366 * 86_400_000;
const MOST_HASHES = 2_000;
const LONGEST_ASKED = 2_048;

/** Where the answers of one URL are found. */
export interface RouteKey {
  /** Of all that tells them from others, but for header values. */
  hash: string;
  /** What lives under the key of the user's: part of the hash. */
  generation: string | undefined;
}

/** Where the answers to a request are found, header values aside. */
export class RouteKeys {
  readonly #hashes = new LRUCache<string, string>({ max: MOST_HASHES });

  constructor(private readonly cache: CacheService) {}

  /** Where the answer is, header values aside; undefined for whom nothing is kept. */
  async of(exchange: Exchange, route: Route): Promise<RouteKey | undefined> {
    const { watch, context } = exchange;
    const identity = watch
      ? await watch.keying(context, (watched) => this.#identity({ ...exchange, context: watched }, route))
      : await this.#identity(exchange, route);
    if (!identity) return undefined;
    const [kind, , generation] = identity.target;
    return { hash: entryHash(identity), generation: kind === 'key' ? generation : undefined };
  }

  /**
   * The same hash without a promise, where no function and no key of the user's takes part; remembered, since the
   * same bytes are asked for again.
   */
  atOnce({ context, version }: Exchange, route: Route): string | undefined {
    if (route.key !== undefined || typeof route.scope === 'function') return undefined;
    const { url, routedUrl } = context;
    // Each part but the last ends with its line.
    const asked = `${route.id}\n${context.pattern}\n${routedUrl === url ? '' : routedUrl}\n${requestIdentity(context.rawRequest, url, version)}`;
    const known = this.#hashes.get(asked);
    if (known !== undefined) return known;
    const hash = entryHash(
      identityOf({ context, version }, route, ['url', ...targetOf(context, route)], null),
    );
    if (asked.length <= LONGEST_ASKED) this.#hashes.set(asked, hash);
    return hash;
  }

  /** Whether what lives under a user's key is still that generation, as far as memory knows. */
  isCurrent(key: string, generation: string): boolean {
    const kept = this.cache.peekEntry({ key, fingerprint: GENERATION });
    return generationIn(kept?.payload) === generation;
  }

  /** What `of` makes its hash from. Where nothing lives under a user's key yet, nothing is put there. */
  async told(exchange: Exchange, route: Route): Promise<EntryIdentity | undefined> {
    return this.#identity(exchange, route, async (key) => {
      const found = await this.cache.findEntry({ key, fingerprint: GENERATION });
      return generationIn(found?.entry.payload) ?? randomUUID();
    });
  }

  async #identity(
    { context, version }: Exchange,
    route: Route,
    generation = (key: string) => this.#generation(key, Math.min(route.ttl, LONGEST_GENERATION)),
  ): Promise<EntryIdentity | undefined> {
    const scope = await scopeOf(route, context);
    if (scope === undefined) return undefined;
    const key = typeof route.key === 'function' ? route.key(context) : route.key;
    const target =
      key === undefined ? ['url', ...targetOf(context, route)] : ['key', key, await generation(key)];
    return identityOf({ context, version }, route, target, scope);
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
    return generationIn(entry.entry.payload) ?? randomUUID();
  }
}

function generationIn(payload: Buffer | undefined): string | undefined {
  const frame = payload && decodeFrame(payload);
  return frame?.kind === 'generation' ? frame.id : undefined;
}

function identityOf(
  { context, version }: Pick<Exchange, 'context' | 'version'>,
  route: Route,
  target: readonly string[],
  scope: string | null,
): EntryIdentity {
  return {
    route: [route.id, context.pattern, version],
    scheme: context.scheme,
    host: context.host,
    target,
    forwarded: headerValues(FORWARDED, context.headers),
    scope,
  };
}

/** Path and query as they came, and as the router saw them where that is another target. */
function targetOf({ url, routedUrl }: HttpCacheContext, { query }: Route): string[] {
  return [...targetParts(url, query), ...(routedUrl === url ? [] : targetParts(routedUrl, query))];
}

/** Who the answer is for: null for whoever asks, undefined if that is not known. */
async function scopeOf({ scope }: Route, context: HttpCacheContext): Promise<string | null | undefined> {
  if (typeof scope !== 'function') return null;
  const said: unknown = (await scope(context)) ?? undefined; // null is what many databases and tokens say for nobody
  if (said === undefined || typeof said === 'string') return said;
  throw new TypeError('scope gave something that is no string');
}
