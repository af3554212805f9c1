import type { EventEmitter } from 'node:events';
import { createClient } from 'redis';
import { createCache, type CacheService } from '../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../src/cache/cache.options.js';
import { perform, type Request } from './requests.js';

/** What a process with a cache in it is told, each with an `id` that comes back. */
export type ToChild =
  /** `lent`: the cache gets a client of the application's that is connected there. */
  | { do: 'open'; options: CacheModuleOptions; lent?: string }
  | { do: 'ask'; request: Request }
  | { do: 'figures' }
  | { do: 'close' };
/** Replies, and questions to the database. */
export type FromChild = { id: number; reply: unknown } | { id: number; load: number } | { isReady: true };

/** What of this process would grow if anything leaked. */
export interface Figures {
  heap: number;
  /** Sockets and timers, by kind. */
  resources: { [kind: string]: number };
  /** On a lent client, by event. */
  listeners: { [event: string]: number };
  /** What Node itself complained of: too many listeners, for example. */
  warnings: string[];
}

type FromParent = { id: number } & (ToChild | { version: number });

let cache: CacheService | undefined;
let client: ReturnType<typeof createClient> | undefined;
const warnings: string[] = [];
let loads = 0;
const loading = new Map<number, (version: number) => void>();
const send = (message: FromChild) => process.send?.(message, () => {});

const truth = (record: number) => {
  loads += 1;
  const id = loads;
  const version = new Promise<number>((resolve) => loading.set(id, resolve));
  send({ id, load: record });
  return version;
};

process.on('warning', ({ message }) => warnings.push(message));
process.on('disconnect', () => process.exit());
process.on('message', (message: FromParent) => void receive(message));
send({ isReady: true });

async function receive(message: FromParent): Promise<void> {
  const { id } = message;
  if ('version' in message) {
    loading.get(id)?.(message.version);
    loading.delete(id);
  } else {
    send({ id, reply: await answer(message) });
  }
}

async function answer(message: ToChild): Promise<unknown> {
  if (message.do === 'figures') return figures();
  if (message.do === 'open') {
    cache = await createCache({
      ...message.options,
      ...(message.lent !== undefined && { redis: { client: await connected(message.lent) } }),
    });
    return true;
  }
  if (message.do === 'close') {
    await cache?.close();
    client?.destroy();
    cache = client = undefined;
    return true;
  }
  return cache && perform(cache, message.request, truth);
}

async function connected(url: string): Promise<ReturnType<typeof createClient>> {
  client = createClient({ url, disableOfflineQueue: true });
  client.on('error', () => {});
  await client.connect();
  return client;
}

function figures(): Figures {
  globalThis.gc?.();
  const resources: Figures['resources'] = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const emitter = client as unknown as EventEmitter | undefined;
  const listeners = (emitter?.eventNames() ?? []).map((event) => [
    String(event),
    emitter?.listenerCount(event),
  ]);
  return {
    heap: process.memoryUsage().heapUsed,
    resources,
    listeners: Object.fromEntries(listeners) as Figures['listeners'],
    warnings,
  };
}
