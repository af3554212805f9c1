import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { rawRequest, type HttpCacheContext, type HttpCacheRequest } from '../http-cache.context.js';

/** All header fields at once: where they are enumerated, copied or read as they came. */
export const EVERY_HEADER = '*';

/** Properties in which middleware and guards leave who asks, and what a read of theirs is told as. */
const WHO_ASKS = {
  auth: 'auth',
  cookies: 'cookie',
  ip: 'ip',
  ips: 'ip',
  session: 'session',
  signedCookies: 'cookie',
  user: 'user',
} as const;

/** What is read of a request under a name of which Node makes a header field: never with capitals. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** What promises and JSON look for in any object. */
const NO_FIELDS = new Set(['then', ...Object.getOwnPropertyNames(Object.prototype)]);

type Undo = () => void;

/**
 * Notes which header fields of one request are read, and whether it is asked who sent it: by what makes the key, and
 * by what makes the answer. The request stays the object that it is, since handlers compare it and keep things by
 * it: its `headers` become a proxy, its `user`, `session`, `cookies` and `ip` accessors, for as long as somebody is
 * watched. `in` then finds these properties also where they are absent.
 */
export class RequestWatch {
  readonly #read = new Set<string>();
  readonly #keyed = new Set<string>();
  /** Where reads are noted at the moment. */
  #notes: Set<string> | undefined;
  #undo: Undo[] = [];

  constructor(private readonly request: HttpCacheRequest) {}

  /** What the handler, and what ran between it and the cache, has read so far. */
  get read(): ReadonlySet<string> {
    return this.#read;
  }

  /** What the functions that make the key have read. */
  get keyed(): ReadonlySet<string> {
    return this.#keyed;
  }

  /** Makes a key by functions of the application: what they read, the key covers. */
  async keying<T>(context: HttpCacheContext, make: (context: HttpCacheContext) => Promise<T>): Promise<T> {
    const headers = this.#attach(this.#keyed);
    try {
      return await make(Object.create(context, { headers: { value: headers } }) as HttpCacheContext);
    } finally {
      this.end();
    }
  }

  /** From now on, until `end`, reads are the handler's. What sends its answer on may read what it likes. */
  begin(raw: ServerResponse): void {
    this.#attach(this.#read);
    for (const name of ['writeHead', 'write', 'end', 'flushHeaders'] as const) {
      const below = raw[name].bind(raw) as (...args: unknown[]) => unknown;
      raw[name] = ((...args: unknown[]) => this.unwatched(() => below(...args))) as never;
    }
  }

  end(): void {
    this.#notes = undefined;
    for (const undo of this.#undo.splice(0)) undo();
  }

  /** Runs something that is not the handler's, and whose reads don't count. */
  unwatched<T>(run: () => T): T {
    const notes = this.#notes;
    this.#notes = undefined;
    try {
      return run();
    } finally {
      // Not where the watch has ended meanwhile.
      if (this.#undo.length > 0) this.#notes = notes;
    }
  }

  #attach(notes: Set<string>): IncomingHttpHeaders {
    this.end();
    const raw = rawRequest(this.request);
    const headers = this.#watched(raw.headers);
    this.#undo.push(replaced(raw, 'headers', headers));
    this.#undo.push(this.#observed(raw, 'rawHeaders', EVERY_HEADER));
    for (const owner of new Set<object>([this.request, raw]))
      for (const [name, told] of Object.entries(WHO_ASKS)) this.#undo.push(this.#observed(owner, name, told));
    this.#notes = notes;
    return headers;
  }

  #watched(headers: IncomingHttpHeaders): IncomingHttpHeaders {
    const note = (name: string | symbol): void => {
      if (typeof name === 'string' && FIELD_NAME.test(name) && !NO_FIELDS.has(name)) this.#notes?.add(name);
    };
    return new Proxy(headers, {
      get: (target, name) => (note(name), Reflect.get(target, name)),
      has: (target, name) => (note(name), Reflect.has(target, name)),
      getOwnPropertyDescriptor: (target, name) => (
        note(name),
        Reflect.getOwnPropertyDescriptor(target, name)
      ),
      ownKeys: (target) => (this.#notes?.add(EVERY_HEADER), Reflect.ownKeys(target)),
    });
  }

  /** An accessor in the place of a property, which gives and takes what the property did. */
  #observed(owner: object, name: string, told: string): Undo {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    if (own && !own.configurable) return () => {};
    const before = own ?? inherited(owner, name);
    const isAccessor = before?.get !== undefined || before?.set !== undefined;
    let value: unknown = before?.value;
    let isSet = false;
    const get = (): unknown => {
      this.#notes?.add(told);
      return isAccessor && !isSet ? this.unwatched(() => before.get?.call(owner)) : value;
    };
    const set = (next: unknown): void => {
      if (before?.set) return before.set.call(owner, next);
      value = next;
      isSet = true;
    };
    Object.defineProperty(owner, name, {
      get,
      set,
      configurable: true,
      enumerable: own?.enumerable ?? false,
    });
    return () => {
      if (Object.getOwnPropertyDescriptor(owner, name)?.get !== get) return; // the application's own by now
      if (own) Object.defineProperty(owner, name, isAccessor ? own : { ...own, value });
      else delete (owner as Record<string, unknown>)[name];
      if (isSet && (!own || isAccessor))
        Object.defineProperty(owner, name, { value, writable: true, configurable: true, enumerable: true });
    };
  }
}

/** The property has another value until it is put back, unless somebody gave it a third one meanwhile. */
function replaced(owner: object, name: string, value: object): Undo {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  if (own && !own.configurable) return () => {};
  Object.defineProperty(owner, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: own?.enumerable ?? false,
  });
  return () => {
    const now = Object.getOwnPropertyDescriptor(owner, name);
    if (now?.value !== value) return;
    if (own) Object.defineProperty(owner, name, own);
    else delete (owner as Record<string, unknown>)[name];
  };
}

function inherited(owner: object, name: string): PropertyDescriptor | undefined {
  for (
    let at = Object.getPrototypeOf(owner) as object | null;
    at;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor) return descriptor;
  }
  return undefined;
}
