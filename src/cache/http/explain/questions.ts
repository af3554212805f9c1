import { IncomingMessage, type ServerResponse } from 'node:http';
import { HttpCacheOptionsError } from '../../cache.errors.js';
import { within } from '../../engine/patience.js';
import { shown } from '../../../errors.js';
import { nobodysRequest } from '../responses/background-request.js';
import type { HttpCacheExplanation } from './explanation.js';
import { isSafe } from '../unsafe-methods.js';

/** A request as `explain` is asked about it. */
export interface ExplainedRequest {
  /** Default: GET. */
  method?: string | undefined;
  /** Path and query, or with scheme and host before them. */
  url?: string | undefined;
  headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Where requests come in: an Express application, another function like it, or a server. */
export type HttpApplication =
  | ((request: IncomingMessage, response: ServerResponse) => unknown)
  | { emit(event: 'request', request: IncomingMessage, response: ServerResponse): boolean };

/** How long the application may take until a question reaches the cache, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Requests that want no answer, but to know what the cache would do. They go through the application as others do, so
 * that what is said is true of its middleware, guards and routes, and end where the cache would decide.
 */
export class Questions {
  readonly #asked = new WeakMap<IncomingMessage, (explanation: HttpCacheExplanation) => void>();
  /** How many are open: while there are none, nobody needs to look whether a request is one. */
  #open = 0;

  isOne(request: IncomingMessage): boolean {
    return this.#open > 0 && this.#asked.has(request);
  }

  answer(request: IncomingMessage, explanation: HttpCacheExplanation): void {
    this.#asked.get(request)?.(explanation);
  }

  async ask(asked: ExplainedRequest, application: HttpApplication): Promise<HttpCacheExplanation> {
    const { method = 'GET' } = asked;
    // What writes is never sent, not even to be stopped before its handler.
    if (!isSafe(method) || method === 'OPTIONS') return { outcome: 'bypass', reason: 'method' };
    const { request, response } = nobodysRequest({ method, ...asRequested(asked) });
    const explanation = new Promise<HttpCacheExplanation>((resolve) => {
      this.#asked.set(request, resolve);
      response.once('close', () => resolve({ outcome: 'uncached', reason: String(response.statusCode) }));
    });
    this.#open += 1;
    try {
      if (typeof application === 'function') application(request, response);
      else application.emit('request', request, response);
      return (await within(explanation, PATIENCE)) ?? { outcome: 'uncached', reason: 'timeout' };
    } finally {
      this.#open -= 1;
    }
  }
}

function asRequested({ url, headers = {} }: ExplainedRequest): {
  url: string;
  rawHeaders: string[];
  isSecure: boolean;
} {
  const isAbsolute = typeof url === 'string' && /^https?:\/\//i.test(url) && URL.canParse(url);
  const absolute = isAbsolute ? new URL(url) : undefined;
  if (typeof url !== 'string' || (!absolute && !url.startsWith('/'))) {
    throw new HttpCacheOptionsError('explain()', {
      problem: `url is ${shown(url)}`,
      expected: "a path ('/products?page=2') or a whole URL",
    });
  }
  const rawHeaders = Object.entries(headers).flatMap(([name, values]) =>
    (values === undefined ? [] : [values].flat()).flatMap((value) => [name, value]),
  );
  const hasHost = Object.keys(headers).some((name) => name.toLowerCase() === 'host');
  if (!hasHost) rawHeaders.unshift('Host', absolute?.host ?? 'localhost');
  const target = absolute ? url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/') : url;
  return { url: target.replace(/#.*$/, ''), rawHeaders, isSecure: absolute?.protocol === 'https:' };
}
