import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { CacheService } from '../../cache.service.js';
import { areAsSent, requestIdentity, needsMore, pageHeaders, type PageHeaders } from '../request-identity.js';
import type { StoredAnswer } from '../responses/frame.js';
import { hasBody } from '../http-cache.context.js';
import type { Exchange, Route } from '../http-cache.route.js';
import { headerValues, variantHash } from '../key.js';
import { memoryHit, toldOfHit, type MemoryHit } from '../memory-hit.js';
import { bypassReason, type RouteRules } from '../policy.js';
import { isHeldBy, OF_A_BODY } from '../responses/replayed-response.js';
import type { RouteKey, RouteKeys } from '../route-keys.js';

/** What the framework made of a request once: whoever sends the same bytes means the same. */
interface Known {
  route: Route;
  rules: RouteRules;
  key: RouteKey;
  /** Of the key and the values of the route's own headers. */
  hash: string;
  page: PageHeaders;
  /** Heads of answers, but for what is of the moment. */
  heads: WeakMap<StoredAnswer, OutgoingHttpHeader[]>;
}

const MOST_KNOWN = 10_000;
/** Longer ones are rare, and would fill memory. */
const LONGEST_IDENTITY = 2_048;

/**
 * Answers hits in memory before the framework sees the request. It learns from requests that went the normal way
 * which entry theirs is; what it does not know for certain goes the normal way, too.
 */
export class EarlyHits {
  readonly #known = new LRUCache<string, Known>({ max: MOST_KNOWN });
  /** On requests on the normal way: what they were when they came. */
  readonly #came = Symbol('came');

  constructor(
    private readonly cache: CacheService,
    private readonly keys: RouteKeys,
  ) {}

  /**
   * Answers the request if it can; undefined: nothing was done. Never throws.
   *
   * @param version that it asks for by its headers
   */
  serve(request: IncomingMessage, response: ServerResponse, version: string | null): Served | undefined {
    const { method } = request;
    if ((method !== 'GET' && method !== 'HEAD') || request.httpVersionMajor !== 1) return undefined;
    try {
      const identity = requestIdentity(request, request.url ?? '', version);
      let known = this.#known.get(identity);
      if (known && known.route.vary.length > 0)
        known = this.#known.get(withValues(identity, known.route, request.headers));
      const served = known && this.#answer(known, request, response);
      if (served) return served;
      (request as Marked)[this.#came] = identity;
    } catch {
      // A request is never lost by it: whoever comes next says what is wrong with it.
    }
    return undefined;
  }

  /** A request on the normal way is told where its answer is. */
  learn({ context, entryHeaders, version }: Exchange, route: Route, key: RouteKey): void {
    const request = context.rawRequest;
    const identity = (request as Marked)[this.#came];
    if (identity === undefined) return;
    const page = pageHeaders(entryHeaders);
    // What middleware makes of a request is not known before it ran: whoever is changed by it teaches nothing.
    const isAsItCame =
      context.routedUrl === context.url &&
      identity === requestIdentity(request, context.url, version) &&
      areAsSent(request, route.vary);
    const whole = withValues(identity, route, context.headers);
    const known = this.#known.get(whole);
    if (!isAsItCame || !page || whole.length > LONGEST_IDENTITY) this.#known.delete(whole);
    else if (!known || !isSame(known, { route, key, page })) {
      const hash = route.vary.length > 0 ? variantHash(key.hash, route.vary, context.headers) : key.hash;
      const rules = { scoped: true, vary: new Set(route.vary) };
      const news: Known = { route, rules, key, hash, page, heads: new WeakMap() };
      this.#known.set(whole, news);
      if (whole !== identity) this.#known.set(identity, news); // says only which headers tell more
    }
  }

  #answer(known: Known, request: IncomingMessage, response: ServerResponse): Served | undefined {
    const { route, rules } = known;
    const { headers, method = '' } = request;
    if (needsMore(headers, rules.vary)) return undefined;
    const hasDirectives = headers['cache-control'] !== undefined || headers.pragma !== undefined;
    if (route.requestDirectives && hasDirectives) return undefined;
    const facts = { method, headers, hasBody: hasBody(request), authenticated: false };
    if (bypassReason(facts, rules) !== undefined || response.headersSent) return undefined;
    const found = this.#find(known, request);
    return found && { route, status: this.#send(known, found, request, response) };
  }

  /** The fresh answer in memory, if all that leads to it is there. */
  #find({ route, key, hash: first }: Known, { headers }: IncomingMessage): MemoryHit | undefined {
    const { generation } = key;
    if (generation !== undefined && !this.keys.isCurrent(route.key as string, generation)) return undefined;
    return memoryHit(this.cache, first, headers);
  }

  #send(known: Known, hit: MemoryHit, request: IncomingMessage, response: ServerResponse): string {
    const { answer, kept } = hit;
    const told = toldOfHit(hit, this.cache.options.clock.now());
    const status = `${told.cacheStatus}; detail=early`;
    let head = known.heads.get(answer);
    if (!head) known.heads.set(answer, (head = headOf(answer, known.page)));
    const isUnchanged = isHeldBy(request.headers, answer);
    const fields = isUnchanged ? withoutBody(head) : head;
    const isEmpty = isUnchanged || answer.status === 204;
    response.writeHead(isUnchanged ? 304 : answer.status, [
      ...fields,
      ...(isEmpty ? [] : ['Content-Length', String(answer.body.length)]),
      'Age',
      String(told.age),
      'Cache-Status',
      status,
    ]);
    this.cache.countHit(kept);
    if (isEmpty || request.method === 'HEAD') response.end();
    else response.end(answer.body);
    return status;
  }
}

type Marked = IncomingMessage & { [mark: symbol]: string | undefined };

/** What answered, and what it said of itself. */
export interface Served {
  route: Route;
  status: string;
}

/** Of a request whose route says that these headers matter: what middleware says of it may depend on them, too. */
const withValues = (identity: string, { vary }: Route, headers: IncomingHttpHeaders): string =>
  vary.length > 0 ? `${identity}\n${JSON.stringify(headerValues(vary, headers))}` : identity;

function isSame(known: Known, { route, key, page }: Pick<Known, 'route' | 'key' | 'page'>): boolean {
  const { hash, generation } = known.key;
  const isOfKey = hash === key.hash && generation === key.generation && known.route === route;
  return isOfKey && JSON.stringify(known.page) === JSON.stringify(page);
}

/** `[name, value, name, value]`, the quickest form for Node: the answer's own, then those of the page. */
function headOf(answer: StoredAnswer, page: PageHeaders): OutgoingHttpHeader[] {
  const own = new Set([...answer.headers.map(([name]) => name.toLowerCase()), 'etag']);
  const head: OutgoingHttpHeader[] = [];
  for (const [name, value] of answer.headers)
    if (value !== null && name.toLowerCase() !== 'etag') head.push(name, value);
  if (answer.etag !== undefined) head.push('ETag', answer.etag);
  for (const [name, value] of page) if (!own.has(name.toLowerCase())) head.push(name, value);
  return head;
}

function withoutBody(head: readonly OutgoingHttpHeader[]): OutgoingHttpHeader[] {
  return head.filter((_, at) => !OF_A_BODY.has(String(head[at - (at % 2)]).toLowerCase()));
}
