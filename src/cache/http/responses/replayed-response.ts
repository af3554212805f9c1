import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { sameValue } from './answer-head.js';
import { byteRange, type ByteRange } from '../headers/byte-range.js';
import { isConditional, isNotModified, type Validators } from '../conditional.js';
import type { StoredAnswer } from './frame.js';
import { ResponseTap, type Piece } from './response-tap.js';

/** A stored answer, and what is said about it. */
export interface Told {
  answer: StoredAnswer;
  /** Headers of the response when the lookup began: those of this request. */
  entryHeaders: OutgoingHttpHeaders;
  /** Fields that tell about the hit. */
  age: number;
  cacheStatus: string;
}

/** How a stored answer is to be served. */
export interface Replay extends Told {
  /** Method and headers of the request that is answered. */
  method: string;
  requestHeaders: IncomingHttpHeaders;
  /** Whether a part of the answer may be sent to who asks for it. */
  mayBePart: boolean;
}

/**
 * Headers that describe the stored body, or that frameworks set by themselves for the empty body they send here:
 * the stored ones, or their absence, always hold.
 */
const OF_THE_ANSWER = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'location',
  'transfer-encoding',
  'vary',
];

/**
 * Sends a stored answer in the place of whatever the framework sends: interceptors and hooks around it run to
 * their end, and headers that they set for this request stay. An error of theirs goes out as it is.
 */
export class ReplayedResponse extends ResponseTap {
  #state: 'open' | 'replayed' | 'error' = 'open';
  #isEnding = false;

  constructor(
    raw: ServerResponse,
    private readonly replay: Replay,
  ) {
    super(raw);
  }

  protected override head(): 'open' | 'ignored' | 'aloud' {
    if (this.#state === 'open') return 'open';
    // Until the head has left it may be the replay's own that asks: session middleware ends a response later.
    return this.#state === 'replayed' && this.raw.headersSent ? 'ignored' : 'aloud';
  }

  protected override onFlush(): void {
    if (this.#isError()) this.flush();
  }

  protected override onWrite(piece: Piece): boolean {
    if (this.#isEnding || this.#isError()) return this.write(piece); // HTTP/2 ends with a write of its own
    if (this.#state === 'open') this.#send();
    piece.callback?.();
    return true;
  }

  protected override onEnd(piece: Piece): void {
    if (this.#isError()) this.end(piece);
    else if (this.#state === 'open') this.#send(piece.callback);
    else piece.callback?.();
  }

  /** Sends the answer now, where nothing else would bring the headers that Fastify keeps until it sends. */
  sendNow(): void {
    for (const [name, value] of Object.entries(this.replay.entryHeaders))
      if (value !== undefined && !this.raw.hasHeader(name)) this.raw.setHeader(name, value);
    this.#send();
  }

  #send(callback?: Piece['callback']): void {
    const { answer, method, requestHeaders: headers, mayBePart } = this.replay;
    setAnswerHead(this.raw, this.replay);
    this.#state = 'replayed';
    const chunk = setAnswerStatus(this.raw, answer, { method, headers, mayBePart });
    this.#isEnding = true;
    this.end({ chunk, encoding: undefined, callback });
    this.#isEnding = false;
  }

  #isError(): boolean {
    // Until the stored answer is sent, an error status comes from what runs around the cache.
    if (this.#state === 'open' && this.raw.statusCode >= 400) this.#state = 'error';
    return this.#state === 'error';
  }
}

/** A header field of a stored answer, looked at once. */
interface Field {
  name: string;
  lower: string;
  value: string | string[] | null;
  isOfTheAnswer: boolean;
}

interface Head {
  fields: readonly Field[];
  /** Of the fields that describe a body, those that it does not have. */
  absent: readonly string[];
}

const heads = new WeakMap<StoredAnswer, Head>();

function headOf(answer: StoredAnswer): Head {
  const known = heads.get(answer);
  if (known) return known;
  const fields = answer.headers.map(([name, value]): Field => {
    const lower = name.toLowerCase();
    return { name, lower, value, isOfTheAnswer: OF_THE_ANSWER.includes(lower) };
  });
  const stored = new Set(fields.map(({ lower }) => lower));
  const head = { fields, absent: OF_THE_ANSWER.filter((name) => !stored.has(name)) };
  heads.set(answer, head);
  return head;
}

/** Makes a head that of a stored answer: what is of this request stays, what is of the body is the answer's. */
export function setAnswerHead(raw: ServerResponse, { answer, entryHeaders, age, cacheStatus }: Told): void {
  const { fields, absent } = headOf(answer);
  for (const name of absent) {
    const mine = entryHeaders[name];
    if (raw.getHeader(name) === mine) continue;
    if (mine === undefined) raw.removeHeader(name);
    else raw.setHeader(name, mine);
  }
  for (const { name, lower, value, isOfTheAnswer } of fields) {
    if (!isOfTheAnswer && !sameValue(raw.getHeader(lower), entryHeaders[lower])) continue;
    if (value === null) raw.removeHeader(name);
    else raw.setHeader(name, value);
  }
  if (answer.etag !== undefined) raw.setHeader('ETag', answer.etag);
  raw.setHeader('Age', age);
  raw.setHeader('Cache-Status', cacheStatus);
}

/**
 * The last of a head: status and length, 304 where the client has it, 206 where it asks for a part that may be
 * served. Gives the bytes to send, if any.
 */
export function setAnswerStatus(
  raw: ServerResponse,
  answer: StoredAnswer,
  {
    method,
    headers,
    mayBePart = false,
  }: { method: string; headers: IncomingHttpHeaders; mayBePart?: boolean },
): Buffer | undefined {
  if (isHeldBy(headers, answer)) {
    sendNotModified(raw);
    return undefined;
  }
  const isWhole = !mayBePart || method !== 'GET' || answer.status !== 200;
  const range = isWhole ? undefined : byteRange(headers, answer.body.length, answerValidators(answer));
  if (range !== undefined) return setPart(raw, answer.body, range);
  raw.statusCode = answer.status;
  if (answer.status !== 204) raw.setHeader('Content-Length', answer.body.length);
  return method === 'HEAD' || answer.status === 204 ? undefined : answer.body;
}

function setPart(raw: ServerResponse, body: Buffer, range: ByteRange | 'unsatisfiable'): Buffer {
  const isPart = range !== 'unsatisfiable';
  const part = isPart ? body.subarray(range.start, range.end) : Buffer.alloc(0);
  raw.statusCode = isPart ? 206 : 416;
  const which = isPart ? `${range.start}-${range.end - 1}` : '*';
  raw.setHeader('Content-Range', `bytes ${which}/${body.length}`);
  raw.setHeader('Content-Length', part.length);
  // Compression on the way would make other bytes of it than those that the client counts.
  const control = raw.getHeader('cache-control');
  raw.setHeader('Cache-Control', [control ?? [], 'no-transform'].flat().join(', '));
  return part;
}

/** Whether the client says that it has this very answer: 304 is enough then. */
export const isHeldBy = (headers: IncomingHttpHeaders, answer: StoredAnswer): boolean =>
  isConditional(headers) && answer.status < 300 && isNotModified(headers, answerValidators(answer));

/** Without Last-Modified the date of the answer is what If-Modified-Since is compared with (RFC 9111 §4.3.2). */
function answerValidators({ etag, lastModified, headers }: StoredAnswer): Validators {
  const date = headers.find(([name]) => name.toLowerCase() === 'date')?.[1];
  return { etag, lastModified: lastModified ?? (typeof date === 'string' ? date : undefined) };
}

/** What a 304 says nothing of: it has no body. */
export const OF_A_BODY: ReadonlySet<string> = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
]);

/** Makes a head that of 304: what describes a body goes, what describes the resource stays (RFC 9110 §15.4.5). */
export function sendNotModified(raw: ServerResponse): void {
  raw.statusCode = 304;
  for (const name of OF_A_BODY) raw.removeHeader(name);
}
