import { HeldClient } from './held-client.js';
import {
  type Args,
  type MessageClient,
  type SendOptions,
  type Server,
  Topology,
  type TopologyEvents,
} from './topology.js';

export interface SentinelClient extends MessageClient {
  sendCommand(isReadonly: boolean, args: Args, options: SendOptions): Promise<unknown>;
  duplicate(overrides: object): SentinelClient;
}

/** The server that a sentinel client of the application's says is the master. */
export class LentSentinel extends Topology {
  readonly isCluster = false;
  readonly mayResend = true;
  readonly #held: HeldClient<SentinelClient>;
  readonly #servers: readonly Server[] = [
    { address: '', send: async (args, options) => this.send(args, options) },
  ];

  constructor(lent: SentinelClient, { onReady, onLost, onError }: TopologyEvents) {
    super();
    this.#held = new HeldClient(
      { lent },
      {
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
      },
    );
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

  async messages(): Promise<MessageClient> {
    return this.#held.client.duplicate({ masterPoolSize: 1, replicaPoolSize: 0, scanInterval: 0 });
  }

  reconnect(): void {}

  async close(): Promise<void> {
    await this.#held.close();
  }
}
