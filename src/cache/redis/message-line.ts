import { randomUUID } from 'node:crypto';
import { destroyed } from './held-client.js';
import type { MessageClient } from './topology.js';

/** How often a pulse is sent. The longest that none may come in is three times this. */
const HEARTBEAT = 1_000;
/** In beats. Making a connection takes longer than hearing a pulse. */
const PATIENCE = { live: 2, opening: 5 };
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
 * The line for messages of one channel. Pulses of its own, published by way of the connection for commands, have to
 * come in here, the first of them before it counts as live: that shows what no answer to a ping could, that what is
 * published where we write is heard where we listen. A line that breaks or stays silent is made anew from scratch.
 */
export class MessageLine {
  /** Nobody else hears the pulses: they are as many as there are processes, not as many as their square. */
  readonly #pulseChannel: string;
  #client: MessageClient | undefined;
  #attempt: object = {};
  #isLive = false;
  #isClosed = false;
  #wait = SHORTEST_WAIT;
  #isSubscribed = false;
  /** Pulses of before the last doubt prove nothing. */
  #generation = 0;
  /** Beats since a pulse came. */
  #silence = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #opening: NodeJS.Timeout | undefined;

  constructor(
    private readonly channel: string,
    private readonly connection: () => Promise<MessageClient | undefined>,
    private readonly publish: (channel: string, message: string) => Promise<unknown>,
    private readonly listener: MessageListener,
  ) {
    this.#pulseChannel = `${channel}:${randomUUID()}`;
  }

  open(): void {
    // Not before what came meanwhile was read: a process that was busy would take that for silence.
    this.#heartbeat = setInterval(() => setImmediate(() => this.#beat()), HEARTBEAT).unref();
    void this.#open();
  }

  /** For when commands can be sent again: no need to wait for the next beat. */
  pulse(): void {
    if (!this.#isSubscribed) return;
    this.publish(this.#pulseChannel, String(this.#generation)).catch(() => {}); // then none comes in
  }

  /** For when commands may go elsewhere from now on: whether what is published there is heard here has to be shown. */
  doubt(): void {
    this.#generation += 1;
    if (!this.#isLive) return;
    [this.#isLive, this.#silence] = [false, 0];
    this.listener.onLost();
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
      await client.subscribe([this.channel, this.#pulseChannel], (message, channel) => {
        if (isOver()) return;
        if (channel === this.channel) this.listener.onMessage(message);
        else this.#hear(message);
      });
      if (isOver()) return;
      this.#isSubscribed = true;
      this.pulse();
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

  #hear(pulse: string): void {
    if (pulse !== String(this.#generation)) return;
    this.#silence = 0;
    if (this.#isLive) return;
    [this.#isLive, this.#wait] = [true, SHORTEST_WAIT];
    this.listener.onLive();
  }

  #beat(): void {
    if (this.#isClosed) return;
    this.#silence += 1;
    if (this.#silence > (this.#isLive ? PATIENCE.live : PATIENCE.opening)) this.#again();
    else this.pulse();
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
    [this.#isLive, this.#isSubscribed, this.#silence] = [false, false, 0];
    if (client) await destroyed(client);
  }
}
