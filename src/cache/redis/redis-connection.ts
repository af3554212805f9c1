import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ErrorReply, RESP_TYPES } from 'redis';
import { withoutCredentials } from '../../errors.js';
import type { Script } from '../engine/redis-scripts.js';
import { LateWrites } from './late-writes.js';
import { MessageLine } from './message-line.js';
import { type RedisOptions, resolveRedis } from './redis-options.js';
import { scan } from './scan.js';
import type { Args, SendOptions, Topology } from './topology.js';
import { topologyOf } from './topology-of.js';

const TEXT = {};
const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer };
/** Between tries of what can't be done while a slot is moving, in ms. */
const PAUSES = [5, 10, 20, 40, 80, 160];

/**
 * The two connections to Redis: one for commands, one for messages. It connects in the background, reconnects
 * for ever, and closes only what it opened.
 */
export class RedisConnection {
  readonly #topology: Topology;
  readonly #lateWrites = new LateWrites();
  readonly #logger = new Logger('Cache');
  #messages: MessageLine | undefined;
  #tide: Tide;
  #onReady: () => void = () => {};
  #onLost: () => void = () => {};
  readonly #errors = new Set<string>();

  /** @throws CacheOptionsError */
  constructor(options: RedisOptions) {
    this.#topology = topologyOf(resolveRedis(options), {
      onReady: () => this.#ready(),
      onLost: () => this.#lost(),
      onError: (error) => this.#said(error),
    });
    this.#tide = new Tide(this.#topology.mayResend);
  }

  /** Whether keys lie in slots, so that one command reaches those of one slot alone. */
  get isCluster(): boolean {
    return this.#topology.isCluster;
  }

  get isReady(): boolean {
    return this.#topology.isReady;
  }

  /** Starts connecting. `onReady` is called after each (re)connect, `onLost` when the connection breaks. */
  connect(onReady: () => void, onLost: () => void): void {
    [this.#onReady, this.#onLost] = [onReady, onLost];
    this.#topology.connect();
    if (this.isReady) this.#ready();
  }

  /** Messages of a channel; `onLive` after each (re)subscription, `onLost` whenever messages may be missed. */
  subscribe(
    channel: string,
    onMessage: (message: string) => void,
    onLive: () => void,
    onLost: () => void,
  ): void {
    this.#messages = new MessageLine(
      channel,
      async () => this.#topology.messages(),
      async (name, pulse) => this.publish(name, pulse),
      { onMessage, onLive, onLost, onError: (error) => this.#said(error) },
    );
    this.#messages.open();
  }

  /**
   * Resolves when Redis answers, all masters of a cluster included. Nothing that was sent before and failed, or
   * is given up now, will be carried out after that.
   */
  async ping(): Promise<void> {
    this.#turn();
    this.#topology.refresh();
    await Promise.all([this.#topology.check(this.#tide.text), this.#preventLateWrites()]);
  }

  /** Gives up a connection that doesn't answer, and makes a new one. A client of the application's is left alone. */
  reconnect(): void {
    this.#messages?.doubt();
    this.#topology.reconnect();
  }

  /**
   * By one command: in a cluster the keys have to be of one slot. A key of another type than string holds nothing
   * of ours.
   */
  readMany(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    const [first] = keys;
    if (first === undefined) return Promise.resolve([]);
    return this.#topology.send(['MGET', ...keys], this.#tide.bytes, first).then(defined, (error: unknown) => {
      // The slot is moving, and only some of its keys have: each is found where it is.
      if (!isMoving(error)) throw error;
      return Promise.all(keys.map((key) => this.#read(key)));
    });
  }

  /** Strings and numbers as the script gives them; bulk strings as text. In a cluster all keys are of one slot. */
  async run({ hash, text }: Script, keys: readonly string[], args: Args): Promise<unknown> {
    const tide = this.#tide;
    const send = async (...command: Args) =>
      this.#topology.send([...command, String(keys.length), ...keys, ...args], tide.text, keys[0]);
    return this.#patiently(tide, async () => {
      try {
        return await send('EVALSHA', hash);
      } catch (error) {
        if (!isReply(error, 'NOSCRIPT') || tide.isOver) throw error;
        return send('EVAL', text);
      }
    });
  }

  /** Any command, for those who bring their own key layout. In a cluster it goes where its first argument lies. */
  async command(args: readonly string[]): Promise<unknown> {
    return this.#topology.send(args, this.#tide.text, args[1]);
  }

  async publish(channel: string, message: string): Promise<void> {
    await this.#topology.send(['PUBLISH', channel, message], this.#tide.text);
  }

  /** Pages of the keys that match: none is missed, one may come twice. */
  scan(pattern: string): AsyncIterable<string[]> {
    return scan(this.#topology, pattern, this.#tide.text);
  }

  async close(): Promise<void> {
    [this.#onReady, this.#onLost] = [() => {}, () => {}];
    await Promise.all([this.#messages?.close(), this.#topology.close()]);
  }

  async #read(key: string): Promise<Buffer | undefined> {
    const tide = this.#tide;
    try {
      const value = await this.#patiently(tide, () => this.#topology.send(['GET', key], tide.bytes, key));
      return (value as Buffer | null) ?? undefined;
    } catch (error) {
      if (isReply(error, 'WRONGTYPE')) return undefined;
      throw error;
    }
  }

  /** Again where a slot is on its way: some of its keys are here, some there, or where nobody knows yet. */
  async #patiently<T>(tide: Tide, attempt: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        const pause = PAUSES[tries];
        if (pause === undefined || !isMoving(error)) throw error;
        await sleep(pause);
        if (tide.isOver) throw error;
      }
    }
  }

  #ready(): void {
    this.#errors.clear();
    // For a server that joined while all others answer: nobody asks for a ping then.
    this.#preventLateWrites().catch(() => {});
    this.#messages?.pulse();
    this.#onReady();
  }

  #lost(): void {
    this.#turn();
    this.#messages?.doubt();
    this.#onLost();
  }

  async #preventLateWrites(): Promise<void> {
    const servers = this.#topology.servers();
    if (servers.length === 0) throw new Error('no server is known yet');
    await Promise.all(servers.map((server) => this.#lateWrites.prevent(server, this.#tide.text)));
  }

  #turn(): void {
    this.#tide.isOver = true;
    this.#tide = new Tide(this.#topology.mayResend);
  }

  /** One line per kind of trouble until Redis is there, not one per reconnect attempt. */
  #said(error: unknown): void {
    const { message, code, name } = error as NodeJS.ErrnoException;
    const said = withoutCredentials(error instanceof Error ? message || code || name : String(error));
    if (this.#errors.has(said)) return;
    this.#errors.add(said);
    this.#logger.warn(`Redis: ${said}`);
  }
}

/**
 * Commands from one loss of Redis, or question whether it answers, to the next. What node-redis keeps of them for
 * later, or would send a second time, it doesn't any more once their tide is over.
 */
class Tide {
  isOver = false;
  readonly text: SendOptions;
  readonly bytes: SendOptions;

  constructor(mayResend: boolean) {
    const isOver = () => this.isOver;
    // As much of an AbortSignal as is asked when a command is taken: a real one costs a listener per command.
    const signal = {
      get aborted() {
        return isOver();
      },
      addEventListener() {},
      removeEventListener() {},
    } as unknown as AbortSignal;
    const common = { timeout: undefined, ...(mayResend && { abortSignal: signal }) };
    this.text = { typeMapping: TEXT, ...common };
    this.bytes = { typeMapping: BYTES, ...common };
  }
}

const defined = (values: unknown): (Buffer | undefined)[] =>
  (values as (Buffer | null)[]).map((value) => value ?? undefined);

const isReply = (error: unknown, code: string): boolean =>
  error instanceof ErrorReply && error.message.startsWith(code);

/** The second is node-redis's: keys were sent on to a server that has no whole slot yet. */
const isMoving = (error: unknown): boolean =>
  isReply(error, 'TRYAGAIN') || (error instanceof Error && error.message.startsWith('Cannot find node'));
