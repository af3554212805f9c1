import { Logger } from '@nestjs/common';
import { createClient, ErrorReply, RESP_TYPES, type RedisClientOptions } from 'redis';
import { withoutCredentials } from '../../errors.js';
import { CacheOptionsError } from '../cache.errors.js';
import type { Script } from '../engine/redis-scripts.js';

const newClient = (options: RedisClientOptions) => createClient(options);
type Client = ReturnType<typeof newClient>;

/** A node-redis client of the application's. Only its presence is typed here: the generics differ per version. */
export interface RedisClient {
  readonly isReady: boolean;
  duplicate(): unknown;
}

/** How often the line for messages has to show that it lives: twice this is the longest that it may be silent. */
const HEARTBEAT = 2_000;
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
  /** What takes our listeners off a client that stays when this connection is closed. */
  readonly #farewells: (() => void)[] = [];
  #heartbeat: NodeJS.Timeout | undefined;
  #lastError = '';

  /** @throws CacheOptionsError for a URL that can't be read */
  constructor(options: RedisClientOptions | { client: RedisClient }) {
    this.#ownsClient = !('client' in options);
    this.#client = 'client' in options ? (options.client as unknown as Client) : opened(options);
    this.#subscriber = this.#client.duplicate();
    this.#bytes = this.#client.withTypeMapping(BYTES);
    const said = (error: Error) => this.#said(error);
    this.#subscriber.on('error', said);
    this.#onClient('error', said);
  }

  /** Whether keys lie in slots, so that one command reaches those of one slot alone. */
  readonly isCluster: boolean = false;

  get isReady(): boolean {
    return this.#client.isReady;
  }

  /** Starts connecting. `onReady` is called after each (re)connect, `onLost` when the connection breaks. */
  connect(onReady: () => void, onLost: () => void): void {
    for (const event of ['error', 'end']) this.#onClient(event, onLost);
    this.#onClient('ready', () => {
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
    for (const event of ['reconnecting', 'error', 'end']) subscriber.on(event, onLost);
    const subscribe = () => subscriber.subscribe(channel, onMessage).then(onLive);
    // Lost again meanwhile: the next 'ready' tries again. Refused: said, and every answer is asked of the store.
    const failed = (error: Error) => subscriber.isOpen && this.#said(error);
    subscriber.on('ready', () => void subscribe().catch(failed));
    this.#connectSubscriber();
    this.#heartbeat = setInterval(this.#beat(), HEARTBEAT).unref();
  }

  async ping(): Promise<void> {
    await this.#client.ping();
  }

  /** In one command. A key of another type than string holds nothing of ours. */
  async readMany(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    if (keys.length === 0) return [];
    const values = await this.#bytes.mGet([...keys]);
    return values.map((value) => value ?? undefined);
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
  async run(
    { hash, text }: Script,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    try {
      return await this.#client.evalSha(hash, { keys: [...keys], arguments: [...args] });
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.#client.eval(text, { keys: [...keys], arguments: [...args] });
    }
  }

  /** Gives up a connection that doesn't answer, and makes a new one. A client of the application's is left alone. */
  reconnect(): void {
    if (!this.#ownsClient || !this.#client.isReady) return;
    this.#client.destroy();
    this.#client.connect().catch(() => {});
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
    clearInterval(this.#heartbeat);
    this.#subscriber.removeAllListeners('ready');
    for (const farewell of this.#farewells) farewell();
    for (const client of this.#ownsClient ? [this.#subscriber, this.#client] : [this.#subscriber])
      if (client.isOpen) client.destroy();
  }

  #connectSubscriber(): void {
    this.#subscriber.connect().catch(() => {}); // closed, or given up by a strategy of the application
  }

  /** A line that died without an end looks like one without messages: now and then it is asked for an answer. */
  #beat(): () => void {
    let isAnswered = true;
    return () => {
      const subscriber = this.#subscriber;
      if (!subscriber.isReady) {
        isAnswered = true;
      } else if (isAnswered) {
        isAnswered = false;
        subscriber.ping().then(
          () => (isAnswered = true),
          () => {},
        );
      } else {
        subscriber.destroy();
        this.#connectSubscriber();
      }
    };
  }

  #onClient(event: string, listener: (error: Error) => void): void {
    this.#client.on(event, listener);
    if (!this.#ownsClient) this.#farewells.push(() => this.#client.off(event, listener));
  }

  /** One line per kind of trouble, not one per reconnect attempt. */
  #said(error: Error): void {
    const said = withoutCredentials(error.message || (error as NodeJS.ErrnoException).code || error.name);
    if (said === this.#lastError) return;
    this.#lastError = said;
    this.#logger.warn(`Redis: ${said}`);
  }
}

/** The error of the URL parser is kept back: it holds the URL, password and all. */
function opened(options: RedisClientOptions): Client {
  try {
    return newClient(hardened(options));
  } catch (error) {
    if (options.url === undefined || !(error instanceof TypeError || error instanceof URIError)) throw error;
    throw new CacheOptionsError({
      problem: 'the Redis URL can not be read',
      expected: 'redis://user:password@host:port/database, or rediss:// for TLS',
      advice: 'percent-encode what is special in a URL, in the password above all',
    });
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
