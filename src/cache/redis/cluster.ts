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

/**
 * A Redis Cluster. Only masters are asked. It is one store: when one of its masters is lost, it is lost, until
 * all answer again.
 */
export class Cluster extends Topology {
  readonly isCluster = true;
  readonly mayResend = true;
  readonly #held: HeldClient<ClusterClient>;

  constructor(source: Source<ClusterClient>, { onReady, onLost, onError }: TopologyEvents) {
    super();
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

  reconnect(): void {
    if (this.isReady) this.#held.renew();
  }

  async close(): Promise<void> {
    await this.#held.close();
  }
}

const any = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)];
