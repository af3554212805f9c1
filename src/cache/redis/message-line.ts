import { destroyed } from './held-client.js';
import type { MessageClient } from './topology.js';

/** The longest that the line may be silent is three times this. */
const HEARTBEAT = 1_000;
/** In beats. Making a connection takes longer than hearing a pulse. */
const PATIENCE = { live: 2, opening: 5 };
/** What a pulse says: nothing. No message of the bus is empty. */
export const PULSE = '';
const SHORTEST_WAIT = 50;

export interface MessageListener {
  onMessage: (message: string) => void;
  /** From now on no message is missed. */
  onLive: () => void;
  /** From now on messages may be missed. */
  onLost: () => void;
  onError: (error: unknown) => void;
}

/**
 * The line for messages of one channel. When nothing came for a while, a pulse is published by way of the
 * connection for commands, and has to come in here: that shows what no answer to a ping could, that what is
 * published where we write is heard where we listen. A line that breaks or stays silent is made anew from scratch.
 */
export class MessageLine {
  #client: MessageClient | undefined;
  #attempt: object = {};
  #isLive = false;
  #isClosed = false;
  #wait = SHORTEST_WAIT;
  /** Beats since anything came. */
  #silence = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #opening: NodeJS.Timeout | undefined;

  constructor(
    private readonly channel: string,
    private readonly connection: () => Promise<MessageClient | undefined>,
    private readonly pulse: () => Promise<unknown>,
    private readonly listener: MessageListener,
  ) {}

  open(): void {
    // Not before what came meanwhile was read: a process that was busy would take that for silence.
    this.#heartbeat = setInterval(() => setImmediate(() => this.#beat()), HEARTBEAT).unref();
    void this.#open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    await this.#hangUp();
  }

  async #open(): Promise<void> {
    const attempt = (this.#attempt = {});
    const isOver = () => this.#attempt !== attempt;
    let client: MessageClient | undefined;
    try {
      client = await this.connection();
      if (isOver()) return void (client && destroyed(client));
      if (!client) return this.#again();
      this.#client = client;
      for (const event of ['error', 'end', 'reconnecting']) client.on(event, this.#broke(attempt));
      await client.connect();
      await client.subscribe(this.channel, (message) => this.#hear(message));
      if (isOver()) return;
      [this.#isLive, this.#silence, this.#wait] = [true, 0, SHORTEST_WAIT];
      this.listener.onLive();
    } catch (error) {
      if (isOver()) return;
      this.listener.onError(error);
      this.#again();
    }
  }

  /** Before it is live a client of several tries has its tries, and the beat its patience. */
  #broke(attempt: object): (error?: unknown) => void {
    return (error) => {
      if (this.#attempt !== attempt || this.#isClosed) return;
      if (error !== undefined) this.listener.onError(error);
      if (this.#isLive) this.#again();
    };
  }

  #hear(message: string): void {
    this.#silence = 0;
    if (message !== PULSE) this.listener.onMessage(message);
  }

  #beat(): void {
    if (this.#isClosed) return;
    this.#silence += 1;
    if (this.#silence > (this.#isLive ? PATIENCE.live : PATIENCE.opening)) this.#again();
    else if (this.#isLive && this.#silence === PATIENCE.live) this.pulse().catch(() => {}); // then none comes
  }

  #again(): void {
    const wasLive = this.#isLive;
    void this.#hangUp();
    if (wasLive) this.listener.onLost();
    this.#opening = setTimeout(() => void this.#open(), this.#wait).unref();
    this.#wait = Math.min(this.#wait * 2, HEARTBEAT);
  }

  async #hangUp(): Promise<void> {
    clearTimeout(this.#opening);
    const client = this.#client;
    this.#client = undefined;
    this.#attempt = {};
    [this.#isLive, this.#silence] = [false, 0];
    if (client) await destroyed(client);
  }
}
