import { HeldClient, type Source } from './held-client.js';
import {
  type Address,
  type Args,
  type MessageClient,
  type SendOptions,
  type Server,
  Topology,
  type TopologyEvents,
} from './topology.js';

export interface SentinelClient extends MessageClient {
  sendCommand(isReadonly: boolean, args: Args, options: SendOptions): Promise<unknown>;
  getMasterNode(): Address | undefined;
  duplicate(overrides: object): SentinelClient;
}

/** The server that sentinels say is the master. */
export class Sentinel extends Topology {
  readonly isCluster = false;
  readonly mayResend = true;
  readonly #held: HeldClient<SentinelClient>;
  readonly #servers: readonly Server[] = [
    { address: '', send: async (args, options) => this.send(args, options) },
  ];

  /** @param toMaster makes a client to that server: known only where the options are ours */
  constructor(
    source: Source<SentinelClient>,
    { onReady, onLost, onError }: TopologyEvents,
    private readonly toMaster?: (address: Address) => MessageClient,
  ) {
    super();
    this.#held = new HeldClient(source, {
      ready: onReady,
      // Said when another server becomes the master.
      reconnecting: onLost,
      end: onLost,
      'client-error': ({ type, error }: { type: string; error: unknown }) => {
        if (type === 'MASTER') onLost();
        onError(error);
      },
      // One sentinel of several can't be reached, for example: no reason to give up the master.
      error: (error: unknown) => {
        if (error instanceof Error) onError(error); // the same is also said as text
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
    return this.#held.client.sendCommand(false, args, options);
  }

  servers(): readonly Server[] {
    return this.#servers;
  }

  async messages(): Promise<MessageClient | undefined> {
    const sentinel = this.#held.client;
    if (!this.toMaster) return sentinel.duplicate({ masterPoolSize: 1, replicaPoolSize: 0, scanInterval: 0 });
    const master = sentinel.getMasterNode();
    return master && this.toMaster(master);
  }

  reconnect(): void {
    if (this.isReady) this.#held.renew();
  }

  async close(): Promise<void> {
    await this.#held.close();
  }
}
