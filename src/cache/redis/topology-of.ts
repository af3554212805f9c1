import { Cluster, type ClusterClient } from './cluster.js';
import { ownClient, ownClientTo, ownCluster, ownSentinel } from './own-clients.js';
import { isCluster, isSentinel, type ResolvedRedis } from './redis-options.js';
import { Sentinel, type SentinelClient } from './sentinel.js';
import { Standalone } from './standalone.js';
import type { PlainClient, Topology, TopologyEvents } from './topology.js';

/** How to speak to the Redis that the options name. */
export function topologyOf(options: ResolvedRedis, events: TopologyEvents): Topology {
  if ('server' in options) return new Standalone({ make: () => ownClient(options.server) }, events);
  if ('cluster' in options) return new Cluster({ make: (from) => ownCluster(options.cluster, from) }, events);
  if ('sentinel' in options) {
    const { sentinel } = options;
    return new Sentinel({ make: () => ownSentinel(sentinel) }, events, (address) =>
      ownClientTo(sentinel, address),
    );
  }
  const client: unknown = options.client;
  if (isCluster(client as object)) return new Cluster({ lent: client as ClusterClient }, events);
  if (isSentinel(client as object)) return new Sentinel({ lent: client as SentinelClient }, events);
  return new Standalone({ lent: client as PlainClient }, events);
}
