import { Cluster, type ClusterClient } from './cluster.js';
import { LentSentinel, type SentinelClient } from './lent-sentinel.js';
import { ownClient, ownCluster } from './own-clients.js';
import { isCluster, isSentinel, type ResolvedRedis } from './redis-options.js';
import { Sentinel } from './sentinel.js';
import { Standalone } from './standalone.js';
import type { PlainClient, Topology, TopologyEvents } from './topology.js';

/** How to speak to the Redis that the options name. */
export function topologyOf(options: ResolvedRedis, events: TopologyEvents): Topology {
  if ('server' in options) return new Standalone({ make: () => ownClient(options.server) }, events);
  if ('cluster' in options) return new Cluster({ make: (from) => ownCluster(options.cluster, from) }, events);
  if ('sentinel' in options) return new Sentinel(options.sentinel, events);
  const client: unknown = options.client;
  if (isCluster(client as object)) return new Cluster({ lent: client as ClusterClient }, events);
  if (isSentinel(client as object)) return new LentSentinel(client as SentinelClient, events);
  return new Standalone({ lent: client as PlainClient }, events);
}
