import { setTimeout as sleep } from 'node:timers/promises';
import { HeldClient, type Source } from './held-client.js';
import {
  type AnyClient,
  type Args,
  type MessageClient,
  type PlainClient,
  type SendOptions,
  type Server,
  Topology,
  type TopologyEvents,
} from './topology.js';

interface Node {
  readonly id: string;
  readonly address: string;
  readonly client?: PlainClient | undefined;
}

export interface ClusterClient extends AnyClient {
  readonly masters: readonly Node[];
  nodeClient(node: Node): Promise<PlainClient>;
  sendCommand(
    key: string | undefined,
    isReadonly: boolean,
    args: Args,
    options: SendOptions,
  ): Promise<unknown>;
}

/** Within which a node says who the masters are, in ms. */
const SOON = 200;
/** Root nodes may be many, and none of them there, in ms. */
const LONGEST_DISCOVERY = 5_000;

/**
 * A Redis Cluster. Only masters are asked. It is one store: when one of its masters is lost, it is lost, until
 * all answer again.
 */
export class Cluster extends Topology {
  readonly isCluster = true;
  readonly mayResend = true;
  readonly #held: HeldClient<ClusterClient>;
  #renewedAt = Date.now();

  constructor(
    source: Source<ClusterClient>,
    private readonly events: TopologyEvents,
  ) {
    super();
    const { onReady, onLost, onError } = events;
    this.#held = new HeldClient(source, {
      connect: onReady,
      'node-ready': onReady,
      disconnect: onLost,
      'node-disconnect': onLost,
      // Also said of nodes that no command of ours goes to: replicas, or where the application is subscribed.
      'node-error': (error: unknown) => {
        if (this.#held.client.masters.some(({ client }) => client?.isReady === false)) onLost();
        onError(error);
      },
      error: onError,
    });
  }

  /** Which slots are where is known. */
  get isReady(): boolean {
    return this.#held.client.isReady;
  }

  connect(): void {
    this.#held.connect();
  }

  async send(args: Args, options: SendOptions, key?: string): Promise<unknown> {
    return this.#held.client.sendCommand(key, false, args, options);
  }

  servers(): readonly Server[] {
    const cluster = this.#held.client;
    return cluster.masters.map((node) => ({
      address: node.address,
      send: async (args, options) => (await cluster.nodeClient(node)).sendCommand(args, options),
    }));
  }

  /** At any master that answers: each gets the messages of all. */
  async messages(): Promise<MessageClient | undefined> {
    const cluster = this.#held.client;
    const ready = cluster.masters.filter(({ client }) => client?.isReady);
    const node = any(ready) ?? any(cluster.masters);
    return node && (await cluster.nodeClient(node)).duplicate();
  }

  /** node-redis finds out late, and not at all when a node just keeps silent: those that answer know better. */
  override refresh(): void {
    const cluster = this.#held.client;
    if (this.#held.isOurs && cluster.isReady) void this.#refresh(cluster);
  }

  reconnect(): void {
    const isStuck = Date.now() - this.#renewedAt > LONGEST_DISCOVERY;
    if (this.isReady || isStuck) this.#renew(any(answering(this.#held.client)));
  }

  async #refresh(cluster: ClusterClient): Promise<void> {
    const views = await Promise.all(answering(cluster).map(mastersBy));
    const [view, ...others] = views.filter((one) => one !== undefined);
    // One that was away may be the last to believe in its office.
    if (!view || others.some((other) => other.masters !== view.masters)) return;
    const isNew = view.masters !== listed(cluster.masters.map(({ id }) => id));
    if (!isNew || this.#held.client !== cluster) return;
    this.events.onLost();
    this.#renew(view.by);
  }

  #renew(by: PlainClient | undefined): void {
    const { host, port } = by?.options?.socket ?? {};
    this.#renewedAt = Date.now();
    this.#held.renew(host !== undefined && port !== undefined ? { host, port } : undefined);
  }

  async close(): Promise<void> {
    await this.#held.close();
  }
}

const answering = ({ masters }: ClusterClient): PlainClient[] =>
  masters.flatMap(({ client }) => (client?.isReady ? [client] : []));

/** Which masters there are by what one of them says; nothing when it doesn't say so soon. */
async function mastersBy(by: PlainClient): Promise<{ by: PlainClient; masters: string } | undefined> {
  const asked = by.sendCommand(['CLUSTER', 'SLOTS'], { typeMapping: {}, timeout: undefined });
  const reply = await Promise.race([asked, sleep(SOON, undefined, { ref: false })]).catch(() => undefined);
  const ranges = reply as
    [from: number, to: number, master: [host: string, port: number, id: string]][] | undefined;
  return ranges && { by, masters: listed(ranges.map(([, , [, , id]]) => id)) };
}

const listed = (ids: readonly string[]): string => [...new Set(ids)].sort().join();

const any = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)];
