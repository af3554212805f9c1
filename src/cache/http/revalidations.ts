import { LRUCache } from 'lru-cache';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sameRequestAgain, serverOf } from './responses/background-request.js';
import type { Exchange, Route } from './http-cache.route.js';

/** For so long after a failure of the handler the stale answer is served without asking again. */
const PAUSE = 1_000;
const MOST = 10_000;

/** A load in the background that waits for its request to reach the cache. */
export interface Awaited {
  /** Makes the answer to the request that of the load; false if it turns out to be another request. */
  claim: (again: { exchange: Exchange; route: Route; url: string }) => boolean;
  /** Nobody came. */
  abandon: () => void;
}

/** The loads of this process for entries that are there, but stale: who runs, who waits, and what failed just now. */
export class Revalidations {
  readonly #running = new Map<string, { over: Promise<void>; end: () => void }>();
  readonly #failed = new LRUCache<string, true>({ max: MOST, ttl: PAUSE });
  readonly #awaited = new WeakMap<IncomingMessage, Awaited>();

  begin(hash: string): void {
    let end!: () => void;
    const over = new Promise<void>((resolve) => (end = resolve));
    this.#running.set(hash, { over, end });
  }

  end(hash: string, hasFailed: boolean): void {
    if (hasFailed) this.#failed.set(hash, true);
    else this.#failed.delete(hash);
    this.#running.get(hash)?.end();
    this.#running.delete(hash);
  }

  /** Resolves when the load of this process is over; undefined: it has none. */
  over(hash: string): Promise<void> | undefined {
    return this.#running.get(hash)?.over;
  }

  hasJustFailed(hash: string): boolean {
    return this.#failed.has(hash);
  }

  /** Sends the request of an exchange once more, in the background, for its answer. */
  start(exchange: Exchange, awaited: Awaited): void {
    const first = exchange.context.rawRequest;
    const server = exchange.server ?? serverOf(first);
    if (!server) return awaited.abandon();
    const { request, response } = sameRequestAgain(first, exchange.context.url);
    this.#awaited.set(request, awaited);
    const over = (): void => {
      if (this.#awaited.delete(request)) awaited.abandon();
    };
    response.once('close', over);
    // The stale answer goes first.
    setImmediate(() => send(server, request, response, over));
  }

  /** What a request in the background is for; undefined for requests of clients. */
  take(request: IncomingMessage): Awaited | undefined {
    const awaited = this.#awaited.get(request);
    if (awaited) this.#awaited.delete(request);
    return awaited;
  }
}

function send(
  server: { emit(event: string, ...args: unknown[]): boolean },
  request: IncomingMessage,
  response: ServerResponse,
  failed: () => void,
): void {
  try {
    if (!server.emit('request', request, response)) failed();
  } catch {
    failed(); // a listener that throws is not to bring the process down for nobody's request
  }
}
