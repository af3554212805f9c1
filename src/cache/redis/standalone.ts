import { HeldClient, type Source } from './held-client.js';
import {
  type Args,
  type MessageClient,
  type PlainClient,
  type SendOptions,
  type Server,
  Topology,
  type TopologyEvents,
} from './topology.js';

/** One server, or what looks like one: a proxy, a service with a failover of its own. */
export class Standalone extends Topology {
  readonly isCluster = false;
  readonly mayResend = false;
  readonly #held: HeldClient<PlainClient>;
  readonly #servers: readonly Server[] = [
    { address: '', send: async (args, options) => this.send(args, options) },
  ];

  constructor(source: Source<PlainClient>, { onReady, onLost, onError }: TopologyEvents) {
    super();
    this.#held = new HeldClient(source, {
      ready: onReady,
      end: onLost,
      error: (error: unknown) => {
        onLost();
        onError(error);
      },
    });
  }

  get isReady(): boolean {
    return this.#held.client.isReady;
  }

  connect(): void {
    this.#held.connect();
  }

  async send(args: Args, options: SendOptions): Promise<unknown> {
    return this.#held.client.sendCommand(args, options);
  }

  servers(): readonly Server[] {
    return this.#servers;
  }

  async messages(): Promise<MessageClient | undefined> {
    return this.#held.client.duplicate();
  }

  reconnect(): void {
    if (this.isReady) this.#held.renew();
  }

  async close(): Promise<void> {
    await this.#held.close();
  }
}
