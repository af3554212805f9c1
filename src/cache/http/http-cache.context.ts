import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** What is read of a request: an Express request, or a Fastify one with the raw request inside. */
export interface HttpCacheRequest {
  headers: IncomingHttpHeaders;
  params?: unknown;
  query?: unknown;
  /** Who asks, where authentication said so. */
  user?: unknown;
  raw?: IncomingMessage;
  method?: string | undefined;
  url?: string | undefined;
  originalUrl?: string;
  /** Express: where the router is mounted, and the route that matched. */
  baseUrl?: string;
  route?: { path?: string | RegExp | readonly (string | RegExp)[] };
  /** Fastify: the route that matched. */
  routeOptions?: { url?: string | undefined };
}

/** What is needed of a response: Express's is Node's own, Fastify's has it inside. */
export type HttpCacheResponse =
  | ServerResponse
  | { raw: ServerResponse; getHeaders(): OutgoingHttpHeaders; getHeader(name: string): unknown };

/**
 * The request that a key, scope, tag or evict function is asked about, the same on Express and Fastify, inside
 * Nest and without it.
 */
export class HttpCacheContext<Request extends HttpCacheRequest = HttpCacheRequest> {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Host asked for, in lower case, with its port if it was sent. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** The request target as the client sent it. */
  readonly url: string;
  /** The target as the router saw it: another one where middleware rewrote it. */
  readonly routedUrl: string;

  constructor(
    readonly request: Request,
    readonly response: HttpCacheResponse,
  ) {
    const raw = rawRequest(request);
    this.method = raw.method ?? 'GET';
    this.headers = raw.headers;
    this.host = hostOf(raw);
    this.scheme = schemeOf(raw);
    const routed = raw.url ?? '';
    this.url = request.originalUrl ?? routed;
    this.routedUrl = request.raw ? routed : (request.baseUrl ?? '') + routed;
  }

  /** @internal Node's request: the same as `request`, or inside it. */
  get rawRequest(): IncomingMessage {
    return rawRequest(this.request);
  }

  /** The pattern of the route, prefixes included: tells apart handlers of the same name under one key. */
  get pattern(): string {
    const { routeOptions, route, baseUrl = '' } = this.request;
    return routeOptions?.url ?? `${baseUrl}${String(route?.path ?? '')}`;
  }

  get hasBody(): boolean {
    return hasBody(this.rawRequest);
  }

  get params(): Readonly<Record<string, string | undefined>> {
    return (this.request.params ?? {}) as Record<string, string | undefined>;
  }

  get query(): Readonly<Record<string, unknown>> {
    return (this.request.query ?? {}) as Record<string, unknown>;
  }

  get user(): unknown {
    const raw = rawRequest(this.request) as IncomingMessage & { user?: unknown };
    return this.request.user ?? raw.user ?? undefined;
  }

  /** Whether it is known who asks, by `user` or by a client certificate. */
  get authenticated(): boolean {
    const { socket } = rawRequest(this.request);
    const known = this.user;
    return (
      (known !== undefined && known !== false) || (socket as Partial<TLSSocket> | null)?.authorized === true
    );
  }

  /** As an ExecutionContext has it, so that functions written for one work here too. */
  switchToHttp(): { getRequest: () => Request; getResponse: () => HttpCacheResponse } {
    return { getRequest: () => this.request, getResponse: () => this.response };
  }
}

/** Whether a request has a body; HTTP/2 needs no header to send one. */
export function hasBody(request: IncomingMessage): boolean {
  const { stream } = request as { stream?: { endAfterHeaders?: boolean } };
  if (stream?.endAfterHeaders === false) return true;
  const { headers } = request;
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Host asked for, in lower case, with its port if it was sent. */
export const hostOf = ({ headers }: IncomingMessage): string =>
  String(headers.host ?? headers[':authority'] ?? '').toLowerCase();

export const schemeOf = ({ socket }: IncomingMessage): 'http' | 'https' =>
  (socket as Partial<TLSSocket> | null)?.encrypted ? 'https' : 'http';

export const rawRequest = (request: HttpCacheRequest): IncomingMessage =>
  request.raw ?? (request as unknown as IncomingMessage);

export const rawResponse = (response: HttpCacheResponse): ServerResponse =>
  'raw' in response ? response.raw : response;
