import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The connections of a cache: that for commands and that for messages. */
export type Line = 'commands' | 'messages';

interface Pair {
  line: Line;
  client: Socket;
  server: Socket;
}

/** A wire to a Redis that can be slow, held (nothing arrives, nothing is lost, nobody is told) and cut, line by line. */
export class RedisProxy {
  /** Milliseconds that each packet takes. Their order is kept. */
  delay: () => number = () => 0;
  readonly #pairs = new Set<Pair>();
  readonly #held = new Set<Line>();
  readonly #server = createServer((client) => this.#accept(client));

  private constructor(private readonly target: number) {}

  static async to(target: number): Promise<RedisProxy> {
    const proxy = new RedisProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  hold(...lines: Line[]): void {
    for (const line of lines) this.#held.add(line);
    for (const pair of this.#pairs) this.#apply(pair);
  }

  release(): void {
    this.#held.clear();
    for (const pair of this.#pairs) this.#apply(pair);
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
    const pair: Pair = { line: 'commands', client, server: connect(this.target, '127.0.0.1') };
    this.#pairs.add(pair);
    client.on('data', (bytes) => {
      if (!/subscribe/i.test(bytes.toString('latin1'))) return;
      pair.line = 'messages';
      this.#apply(pair);
    });
    this.#forward(client, pair.server);
    this.#forward(pair.server, client);
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

  #forward(from: Socket, to: Socket): void {
    let before = Promise.resolve();
    const send = async (bytes: Buffer, behind: Promise<void>, delay: number) => {
      await behind;
      if (delay > 0) await sleep(delay);
      if (!to.destroyed) to.write(bytes);
    };
    from.on('data', (bytes) => (before = send(bytes, before, this.delay())));
  }

  #apply({ line, client, server }: Pair): void {
    for (const socket of [client, server]) {
      if (this.#held.has(line)) socket.pause();
      else socket.resume();
    }
  }
}
