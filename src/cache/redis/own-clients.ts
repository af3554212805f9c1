import { createClient, createCluster, type RedisClientOptions, type RedisClusterOptions } from 'redis';
import type { ClusterClient } from './cluster.js';
import type { SentinelOptions } from './redis-options.js';
import type { Address, PlainClient } from './topology.js';

/** Clients that we make ourselves: with what the user said, and where nothing was said, with what a cache needs. */
export const ownClient = (options: RedisClientOptions): PlainClient =>
  createClient(hardened(options)) as unknown as PlainClient;

/** @param from a node that is known to answer, to be asked for the others in the place of the root nodes */
export function ownCluster(options: RedisClusterOptions, from?: Address): ClusterClient {
  const { defaults = {}, rootNodes } = options;
  const root = credentialsOf(rootNodes[0]?.url);
  return createCluster({
    // A node that can't be reached must not keep the others from being used.
    minimizeConnections: true,
    topologyRefreshOnReconnectionAttemptStrategy: 100,
    ...options,
    useReplicas: false,
    rootNodes: from ? [{ socket: from }] : rootNodes.map((node) => ({ ...node })),
    // node-redis uses a root node's credentials for that node alone, which is hardly ever what was meant.
    defaults: hardened({ ...root, ...defaults, socket: { ...root.socket, ...defaults.socket } }),
  }) as unknown as ClusterClient;
}

export const ownSentinel = (options: SentinelOptions, node: Address): PlainClient =>
  clientTo(node, options.sentinelClientOptions, options.RESP);

/** To the server that the sentinels name, by the options for all servers. */
export const ownMaster = (options: SentinelOptions, { host, port }: Address): PlainClient => {
  const { nodeAddressMap: map } = options;
  const name = `${host}:${port}`;
  const mapped = typeof map === 'function' ? map(name) : map?.[name];
  return clientTo(mapped ?? { host, port }, options.nodeClientOptions, options.RESP);
};

const clientTo = (
  { host, port }: Address,
  options: object = {},
  RESP: SentinelOptions['RESP'],
): PlainClient => {
  const { socket, ...more } = options as RedisClientOptions;
  return ownClient({ ...(RESP && { RESP }), ...more, socket: { ...socket, host, port } });
};

/**
 * No offline queue: a command that can't be sent now must fail now. Reconnects stay frequent for ever. A peer that
 * went without a word is found out: it is asked every second, and given up when it says nothing for some.
 */
function hardened(options: object = {}): RedisClientOptions {
  const { socket, ...more } = options as RedisClientOptions;
  return {
    disableOfflineQueue: true,
    pingInterval: 1_000,
    ...more,
    socket: {
      connectTimeout: 2_000,
      socketTimeout: 5_000,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 5), 1_000),
      ...socket,
    },
  };
}

function credentialsOf(url: string | undefined): RedisClientOptions {
  if (url === undefined) return {};
  const { protocol, username, password } = new URL(url);
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { socket: { tls: true } }),
  };
}
