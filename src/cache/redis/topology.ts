/** Names and values of one command. */
export type Args = readonly (string | Buffer)[];

/** What of node-redis's command options is used here. */
export interface SendOptions {
  /** How replies are mapped: said in every call, for a client of the application's may have its own way. */
  typeMapping: object;
  /** Off: it makes a timer for each command, and the engine has deadlines of its own. */
  timeout: undefined;
  abortSignal?: AbortSignal;
}

/** The kinds of clients that node-redis has, as far as they are used here: their own types differ per options. */
export interface Emitter {
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
}

export interface AnyClient extends Emitter {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy(): unknown;
}

export interface Address {
  host: string;
  port: number;
}

/** Can be subscribed to channels. */
export interface MessageClient extends AnyClient {
  subscribe(channels: string[], listener: (message: string, channel: string) => void): Promise<unknown>;
}

export interface PlainClient extends MessageClient {
  readonly options?: { socket?: Partial<Address> };
  sendCommand(args: Args, options: SendOptions): Promise<unknown>;
  duplicate(): PlainClient;
}

/** One server that holds keys. */
export interface Server {
  /** Tells it from the others. */
  readonly address: string;
  send(args: Args, options: SendOptions): Promise<unknown>;
}

export interface TopologyEvents {
  /** Commands can be sent, again or for the first time. */
  onReady: () => void;
  /** A connection that commands are sent on broke, or another server took over. */
  onLost: () => void;
  onError: (error: unknown) => void;
}

/** PORT: what differs between one server, a cluster, and a server that sentinels choose. */
export abstract class Topology {
  /** Whether keys lie in slots, so that one command reaches those of one slot alone. */
  abstract readonly isCluster: boolean;
  /** Whether the client may send a command later, or a second time, without being asked to. */
  abstract readonly mayResend: boolean;
  abstract get isReady(): boolean;

  /** Starts connecting, and goes on for ever. A client of the application's is only listened to. */
  abstract connect(): void;

  /** To the server that holds `key`; without one, to any that answers. */
  abstract send(args: Args, options: SendOptions, key?: string): Promise<unknown>;

  /** All that hold keys, as far as it is known now. */
  abstract servers(): readonly Server[];

  /** A connection of its own for messages, not connected yet; none as long as nobody knows where to. */
  abstract messages(): Promise<MessageClient | undefined>;

  /** Rejects when commands should not be sent, though all servers answer. */
  async check(_options: SendOptions): Promise<void> {}

  /** Finds out, while not all servers answer, whether others have taken their place. */
  refresh(): void {}

  /** Makes a new connection in the place of one that doesn't answer; a client of the application's is left alone. */
  abstract reconnect(): void;

  /** Destroys what is ours, takes our listeners off what is not. */
  abstract close(): Promise<void>;
}
