import type { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse, type IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** What is asked of a socket about the client: who sent the first request is who the second one is for. */
const OF_THE_CLIENT = [
  'authorized',
  'encrypted',
  'localAddress',
  'localPort',
  'remoteAddress',
  'remoteFamily',
  'remotePort',
] as const;

/** Who a request is from: a socket, or what one would say. */
type Client = Partial<Record<(typeof OF_THE_CLIENT)[number], unknown>>;

/** Fields that ask for a part of an answer, or for one under a condition: of the first request alone. */
const OF_ITS_CLIENT = new Set([
  'cache-control',
  'connection',
  'content-length',
  'expect',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'pragma',
  'range',
  'transfer-encoding',
  'upgrade',
]);

/** A socket with nobody at its other end: what is written to it is gone. */
class NobodysSocket extends Duplex {
  constructor(client: Client) {
    super();
    for (const name of OF_THE_CLIENT) Object.defineProperty(this, name, { value: client[name] });
    const of = client as { getPeerCertificate?: (...args: unknown[]) => unknown };
    if (of.getPeerCertificate)
      Object.defineProperty(this, 'getPeerCertificate', { value: of.getPeerCertificate.bind(of) });
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, written: () => void): void {
    written();
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * The same GET once more, as its client sent it but for its conditions, and with nobody to get the answer. It is
 * for `server.emit('request', request, response)`: middleware, guards and the handler run as for any request.
 */
export const sameRequestAgain = (first: IncomingMessage, url: string): Exchange =>
  madeRequest('GET', url, fieldsFor(first), first.socket);

/** A request that came over no network, and whose answer nobody gets. */
export const nobodysRequest = ({
  method,
  url,
  rawHeaders,
  isSecure,
}: {
  method: string;
  url: string;
  rawHeaders: string[];
  isSecure: boolean;
}): Exchange =>
  madeRequest(method, url, rawHeaders, {
    encrypted: isSecure,
    localAddress: '127.0.0.1',
    remoteAddress: '127.0.0.1',
    remoteFamily: 'IPv4',
  });

function madeRequest(method: string, url: string, rawHeaders: string[], client: Client): Exchange {
  const socket = new NobodysSocket(client) as unknown as Socket;
  const request = new IncomingMessage(socket);
  request.method = method;
  request.url = url;
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.rawHeaders = rawHeaders;
  request.headers = headersOf(rawHeaders);
  request.complete = true;
  request.push(null);
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  response.once('finish', () => socket.destroy());
  return { request, response };
}

function fieldsFor({ rawHeaders, headers }: IncomingMessage): string[] {
  const fields: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = rawHeaders.slice(at, at + 2) as [string, string];
    if (!name.startsWith(':') && !OF_ITS_CLIENT.has(name.toLowerCase())) fields.push(name, value);
  }
  const authority = headers[':authority'];
  if (typeof authority === 'string' && headers.host === undefined) fields.push('Host', authority);
  return fields;
}

/** Fields that a request has once: of several only the first counts, as in every request that Node reads. */
const SINGLE = new Set([
  'authorization',
  'content-type',
  'from',
  'host',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'user-agent',
]);

function headersOf(raw: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string> = {};
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase();
    const value = raw[at + 1] as string;
    const earlier = headers[name];
    if (earlier === undefined) headers[name] = value;
    else if (!SINGLE.has(name)) headers[name] = earlier + (name === 'cookie' ? '; ' : ', ') + value;
  }
  return headers;
}

/** The server that a request came through, where its socket says so: not over HTTP/2. */
export const serverOf = (request: IncomingMessage): EventEmitter | undefined =>
  (request.socket as (Socket & { server?: EventEmitter }) | null)?.server;
