import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheService } from '../../src/cache/cache.service.js';

/** One call to a cache, in words that can be sent to another process. `at`: names of nested namespaces. */
export type Request =
  | { op: 'get'; at: readonly string[]; key: string }
  | { op: 'delete'; at: readonly string[]; key: string }
  | { op: 'increment'; at: readonly string[]; key: string }
  | { op: 'getMany'; at: readonly string[]; keys: readonly string[] }
  | { op: 'getOrSet'; at: readonly string[]; key: string; record: number; load: Load }
  | { op: 'set'; at: readonly string[]; key: string; value: unknown; tags: readonly string[] }
  | { op: 'invalidate'; at: readonly string[]; tags: readonly string[] }
  | { op: 'clear'; at: readonly string[] }
  | { op: 'clearPattern'; at: readonly string[]; glob: string }
  | { op: 'peek'; at: readonly string[]; key: string }
  | { op: 'state' };

/** How a factory loads: for how many ms, with tags that are known before and tags that are known after. */
export interface Load {
  ms: number;
  tags: readonly string[];
  learnt: readonly string[];
  ttl: number | string;
  isStrict: boolean;
}

/** What came of it, and in which state the cache was then. */
export interface Reply {
  value?: unknown;
  /** The code of a typed error; the whole of any other. */
  error?: string;
  state: string;
  journalled: number;
  /** Milliseconds that the call took, where it was made. */
  took: number;
}

/** What the database behind the cache holds. */
export type Truth = (record: number) => number | Promise<number>;

/** Never rejects. */
export async function perform(root: CacheService, request: Request, truth: Truth): Promise<Reply> {
  const reply: Partial<Reply> = {};
  const began = performance.now();
  try {
    reply.value = await call(root, request, truth);
  } catch (error) {
    const { code, stack } = error as { code?: unknown; stack?: string };
    reply.error = typeof code === 'string' ? code : String(stack ?? error);
  }
  const { state, journalled } = root.stats();
  return { ...reply, state, journalled, took: performance.now() - began };
}

async function call(root: CacheService, request: Request, truth: Truth): Promise<unknown> {
  if (request.op === 'state') return undefined;
  const cache = request.at.reduce((scope, name) => scope.namespace(name), root);
  if (request.op === 'getOrSet') return load(cache, request, truth);
  if (request.op === 'peek') return peek(cache, request.key);
  const make = CALLS[request.op] as (cache: CacheService, request: Request) => Promise<unknown>;
  return make(cache, request);
}

type Called = Exclude<Request, { op: 'state' | 'getOrSet' | 'peek' }>;

const CALLS: {
  [op in Called['op']]: (cache: CacheService, request: Called & { op: op }) => Promise<unknown>;
} = {
  get: (cache, { key }) => cache.get(key),
  getMany: async (cache, { keys }) => Object.fromEntries(await cache.getMany(keys)),
  set: (cache, { key, value, tags }) => cache.set(key, value, { ttl: 60, tags }),
  delete: (cache, { key }) => cache.delete(key),
  increment: (cache, { key }) => cache.increment(key),
  invalidate: (cache, { tags }) => cache.invalidateTags(...tags),
  clear: (cache) => cache.clear(),
  clearPattern: (cache, { glob }) => cache.clearPattern(glob),
};

async function load(
  cache: CacheService,
  { key, record, load: { ms, tags, learnt, ttl, isStrict } }: Request & { op: 'getOrSet' },
  truth: Truth,
): Promise<number> {
  return cache.getOrSet(
    key,
    async (context) => {
      const version = await truth(record);
      if (ms > 0) await sleep(ms);
      context.addTags(...learnt);
      return version;
    },
    { ttl, staleTtl: 60, tags, ...(isStrict && { consistency: 'strict' }) },
  );
}

/** The value of a key, and whether this process's memory had it. */
async function peek(cache: CacheService, key: string): Promise<{ value: unknown; isInMemory: boolean }> {
  let isInMemory = false;
  const off = cache.on('hit', (hit) => {
    if (hit.source === 'memory' && hit.key.endsWith(`:${key}`)) isInMemory = true;
  });
  try {
    return { value: await cache.get(key), isInMemory };
  } finally {
    off();
  }
}
