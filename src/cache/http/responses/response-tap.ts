import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** One call of write or end, whatever form it had. */
export interface Piece {
  chunk: string | Uint8Array | undefined;
  encoding: BufferEncoding | undefined;
  callback: ((error?: Error | null) => void) | undefined;
}

/**
 * Stands between what writes a response and the response itself, on the raw ServerResponse: the one place that
 * returned values, streams, `@Res()`, redirects and exception filters all pass, on Express and on Fastify.
 * Middleware that patched the response earlier (compression) is called after it and sees the original bytes.
 *
 * While the head is open, writeHead only says what the head will be, so that it can still be changed.
 */
export abstract class ResponseTap {
  #below: Writers | undefined;

  constructor(protected readonly raw: ServerResponse) {}

  /** From now on what is written passes here. */
  attach(): this {
    const { raw } = this;
    const { writeHead, write, end, flushHeaders } = raw as unknown as Writers;
    this.#below = { writeHead, write, end, flushHeaders };
    raw.writeHead = (...args: WriteHeadArguments) => {
      const say = this.head();
      if (say === 'aloud' || (say === 'open' && raw.headersSent)) this.#writers.writeHead.call(raw, ...args);
      else if (say === 'open') applyHead(raw, args);
      return raw;
    };
    raw.write = ((...args: unknown[]) => this.onWrite(pieceOf(args))) as ServerResponse['write'];
    raw.end = ((...args: unknown[]) => {
      this.onEnd(pieceOf(args));
      return raw;
    }) as ServerResponse['end'];
    raw.flushHeaders = () => this.onFlush();
    return this;
  }

  /** What writeHead does now: change the open head, nothing, or send it. */
  protected abstract head(): 'open' | 'ignored' | 'aloud';
  protected abstract onWrite(piece: Piece): boolean;
  protected abstract onEnd(piece: Piece): void;
  protected abstract onFlush(): void;

  protected write({ chunk, encoding, callback }: Piece): boolean {
    return this.#writers.write.call(this.raw, chunk, encoding, callback);
  }

  protected end({ chunk, encoding, callback }: Piece): void {
    if (chunk === undefined) this.#writers.end.call(this.raw, callback);
    else this.#writers.end.call(this.raw, chunk, encoding, callback);
  }

  /**
   * Makes the head though nobody is there to get it, and with it whatever waits for that moment: what patched the
   * response later than this is asked, too.
   */
  protected composeHead(): void {
    this.raw.writeHead(this.raw.statusCode);
  }

  protected flush(): void {
    this.#writers.flushHeaders.call(this.raw);
  }

  get #writers(): Writers {
    return this.#below as Writers;
  }
}

/** The methods as they were before, in the forms in which they are called here. */
interface Writers {
  writeHead: (this: ServerResponse, ...args: WriteHeadArguments) => ServerResponse;
  write: (
    this: ServerResponse,
    chunk: Piece['chunk'],
    encoding: Piece['encoding'],
    callback: Piece['callback'],
  ) => boolean;
  end: (
    this: ServerResponse,
    ...args: [Piece['callback']] | [Piece['chunk'], Piece['encoding'], Piece['callback']]
  ) => ServerResponse;
  flushHeaders: (this: ServerResponse) => void;
}

type HeadersArgument = OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;
type WriteHeadArguments = [
  status: number,
  reasonOrHeaders?: string | HeadersArgument,
  headers?: HeadersArgument,
];

function applyHead(raw: ServerResponse, [status, second, third]: WriteHeadArguments): void {
  raw.statusCode = status;
  if (typeof second === 'string') raw.statusMessage = second;
  const headers = typeof second === 'string' ? third : (second ?? third);
  if (headers === undefined || headers === null) return;
  const named = Array.isArray(headers) ? grouped(headers) : Object.entries(headers);
  for (const [name, value] of named) if (value !== undefined) raw.setHeader(name, value);
}

/** writeHead also takes `[name, value, name, value]` and `[[name, value]]`, names repeated where values are many. */
function grouped(list: readonly OutgoingHttpHeader[]): [string, OutgoingHttpHeader][] {
  const pairs = Array.isArray(list[0])
    ? (list as unknown as [string, string][])
    : Array.from(
        { length: list.length / 2 },
        (_, i) => [String(list[i * 2]), String(list[i * 2 + 1])] as const,
      );
  const values = new Map<string, { name: string; all: string[] }>();
  for (const [name, value] of pairs) {
    const known = values.get(name.toLowerCase()) ?? { name, all: [] };
    known.all.push(...[value].flat().map(String));
    values.set(name.toLowerCase(), known);
  }
  return [...values.values()].map(({ name, all }) => [name, all.length === 1 ? (all[0] as string) : all]);
}

function pieceOf(args: readonly unknown[]): Piece {
  const [first, second] = args;
  const callback = args.find((argument) => typeof argument === 'function') as Piece['callback'];
  return {
    chunk: typeof first === 'function' ? undefined : ((first as Piece['chunk'] | null) ?? undefined),
    encoding: typeof second === 'string' ? (second as BufferEncoding) : undefined,
    callback,
  };
}

/** The bytes of a piece: strings in the encoding they were written with. Undefined for what Node refuses. */
export function bytesOf({ chunk, encoding }: Piece): Buffer | undefined {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined;
}
