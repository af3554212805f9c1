import { Logger } from '@nestjs/common';
import { createClient, ErrorReply, RESP_TYPES, type RedisClientOptions } from 'redis';
import { withoutCredentials } from '../../errors.js';
import type { Script } from '../engine/redis-scripts.js';

const newClient = (options: RedisClientOptions) => createClient(options);
type Client = ReturnType<typeof newClient>;

/** A node-redis client of the application's. Only its presence is typed here: the generics differ per version. */
export interface RedisClient {
  readonly isReady: boolean;
  duplicate(): unknown;
}

const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer };

/**
 * The two connections to Redis: one for commands, one for messages. It connects in the background, reconnects
 * for ever, and closes only what it opened.
 */
export class RedisConnection {
  readonly #client: Client;
  readonly #subscriber: Client;
  readonly #ownsClient: boolean;
  readonly #bytes;
  readonly #logger = new Logger('Cache');
  #lastError = '';

  constructor(options: RedisClientOptions | { client: RedisClient }) {
    this.#ownsClient = !('client' in options);
    this.#client = 'client' in options ? (options.client as unknown as Client) : newClient(hardened(options));
    this.#subscriber = this.#client.duplicate();
    this.#bytes = this.#client.withTypeMapping(BYTES);
    for (const client of [this.#client, this.#subscriber])
      client.on('error', (error: Error) => this.#said(error));
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  /** Starts connecting. `onReady` is called after each (re)connect, `onLost` when the connection breaks. */
  connect(onReady: () => void, onLost: () => void): void {
    for (const event of ['error', 'end']) this.#client.on(event, onLost);
    this.#client.on('ready', () => {
      this.#lastError = '';
      onReady();
    });
    if (this.#client.isReady) onReady();
    else if (this.#ownsClient && !this.#client.isOpen) this.#client.connect().catch(() => {});
  }

  /** Messages of a channel; `onLive` after each (re)subscription, `onLost` whenever messages may be missed. */
  subscribe(
    channel: string,
    onMessage: (message: string) => void,
    onLive: () => void,
    onLost: () => void,
  ): void {
    const subscriber = this.#subscriber;
    let subscribed = false;
    subscriber.on('ready', () => {
      if (subscribed) onLive(); // resubscribed by node-redis before 'ready'
    });
    for (const event of ['reconnecting', 'error', 'end']) subscriber.on(event, onLost);
    const subscribe = async () => {
      await subscriber.connect();
      await subscriber.subscribe(channel, onMessage);
      subscribed = true;
      onLive();
    };
    subscribe().catch(() => {}); // closed before it was ever connected
  }

  async ping(): Promise<void> {
    await this.#client.ping();
  }

  /** Empty bytes for a key of another type than string: there is something, but nothing of ours. */
  async get(key: string): Promise<Buffer | undefined> {
    try {
      return (await this.#bytes.get(key)) ?? undefined;
    } catch (error) {
      if (error instanceof ErrorReply && error.message.startsWith('WRONGTYPE')) return Buffer.alloc(0);
      throw error;
    }
  }

  /** Strings and numbers as the script gives them; bulk strings as text. */
  async run({ hash, text }: Script, keys: string[], args: (string | Buffer)[]): Promise<unknown> {
    try {
      return await this.#client.evalSha(hash, { keys, arguments: args });
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.#client.eval(text, { keys, arguments: args });
    }
  }

  /** Any command, for those who bring their own key layout. */
  async command(args: readonly string[]): Promise<unknown> {
    return this.#client.sendCommand([...args]);
  }

  async publish(channel: string, message: string): Promise<void> {
    await this.#client.publish(channel, message);
  }

  async *scan(pattern: string): AsyncIterable<string[]> {
    for await (const keys of this.#client.scanIterator({ MATCH: pattern, COUNT: 1_000 })) yield keys;
  }

  async close(): Promise<void> {
    for (const client of this.#ownsClient ? [this.#subscriber, this.#client] : [this.#subscriber]) {
      client.removeAllListeners('ready');
      if (client.isOpen) client.destroy();
    }
  }

  /** One line per kind of trouble, not one per reconnect attempt. */
  #said(error: Error): void {
    const said = withoutCredentials(error.message || (error as NodeJS.ErrnoException).code || error.name);
    if (said === this.#lastError) return;
    this.#lastError = said;
    this.#logger.warn(`Redis: ${said}`);
  }
}

/** No offline queue: a command that can't be sent now must fail now. Reconnects stay frequent for ever. */
function hardened(options: RedisClientOptions): RedisClientOptions {
  return {
    disableOfflineQueue: true,
    ...options,
    socket: {
      connectTimeout: 2_000,
      reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 5), 1_000),
      ...options.socket,
    },
  };
}
