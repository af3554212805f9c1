import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The connections of a cache: that for commands and that for messages. */
export type Line = 'commands' | 'messages';
/** What travels to the server, and what travels back. */
export type Way = 'requests' | 'replies';

interface Pair {
  line: Line;
  client: Socket;
  server: Socket;
  /** Where bytes of it were swallowed: what follows would make no sense to the other end. */
  torn: Set<Way>;
  /** Replies that came through. */
  replies: number;
}

/** Replies that a client gets when it connects; a line that is broken off later has been ready for once. */
const GREETINGS = 3;

/**
 * A wire to a Redis that can be slow, held (nothing arrives, nothing is lost, nobody is told), swallowed (what is
 * sent is lost), broken off in the middle of replies, and cut, line by line.
 */
export class RedisProxy {
  /** Milliseconds that each packet takes. Their order is kept. */
  delay: () => number = () => 0;
  readonly #pairs = new Set<Pair>();
  readonly #held = new Set<Line>();
  readonly #swallowed = new Set<Way>();
  #breaksOff = false;
  readonly #server = createServer((client) => this.#accept(client));

  private constructor(private readonly target: number) {}

  static async to(target: number): Promise<RedisProxy> {
    const proxy = new RedisProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  hold(...lines: Line[]): void {
    for (const line of lines) this.#held.add(line);
    for (const pair of this.#pairs) this.#apply(pair);
  }

  release(): void {
    this.#held.clear();
    for (const pair of this.#pairs) this.#apply(pair);
  }

  /** What travels that way is lost from now on, on connections made meanwhile too. */
  swallow(way: Way): void {
    this.#swallowed.add(way);
  }

  /** Each connection ends in the middle of its next reply; new ones do so after their greetings. */
  breakOff(): void {
    this.#breaksOff = true;
  }

  /**
   * The wire is whole again. Connections that lost bytes are reset, as TCP does where both ends live; with
   * `silently` they stay as they are, dead without a word, and only new ones work.
   */
  mend({ silently = false } = {}): void {
    this.#swallowed.clear();
    this.#breaksOff = false;
    if (silently) return;
    for (const pair of this.#pairs) if (pair.torn.size > 0) pair.client.resetAndDestroy();
  }

  cut(...lines: Line[]): void {
    for (const pair of this.#pairs) if (lines.includes(pair.line)) pair.client.destroy();
  }

  async close(): Promise<void> {
    this.cut('commands', 'messages');
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const server = connect(this.target, '127.0.0.1');
    const pair: Pair = { line: 'commands', client, server, torn: new Set(), replies: 0 };
    this.#pairs.add(pair);
    client.on('data', (bytes) => {
      if (!/subscribe/i.test(bytes.toString('latin1'))) return;
      pair.line = 'messages';
      this.#apply(pair);
    });
    this.#forward(pair, 'requests');
    this.#forward(pair, 'replies');
    for (const [one, other] of [
      [client, pair.server],
      [pair.server, client],
    ] as const) {
      one.on('error', () => {});
      one.on('close', () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
    this.#apply(pair);
  }

  #forward(pair: Pair, way: Way): void {
    const [from, to] = way === 'requests' ? [pair.client, pair.server] : [pair.server, pair.client];
    let before = Promise.resolve();
    const send = async (bytes: Buffer, behind: Promise<void>, due: number) => {
      const early = due - Date.now();
      if (early > 0) await sleep(early, undefined, { ref: false });
      await behind;
      this.#pass(pair, way, to, bytes);
    };
    from.on('data', (bytes) => (before = send(bytes, before, Date.now() + this.delay())));
  }

  #pass(pair: Pair, way: Way, to: Socket, bytes: Buffer): void {
    if (this.#swallowed.has(way)) pair.torn.add(way);
    if (pair.torn.has(way) || to.destroyed) return;
    if (way === 'replies') pair.replies += 1;
    if (way === 'replies' && this.#breaksOff && pair.replies > GREETINGS) {
      pair.torn.add(way);
      to.end(bytes.subarray(0, bytes.length / 2));
      return;
    }
    to.write(bytes);
  }

  #apply({ line, client, server }: Pair): void {
    for (const socket of [client, server]) {
      if (this.#held.has(line)) socket.pause();
      else socket.resume();
    }
  }
}
