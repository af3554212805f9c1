import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

interface Wire {
  client: Socket;
  server: Socket;
  isMute: boolean;
  /** Sent and on its way: neither lost nor there. */
  held: Buffer[] | undefined;
}

/**
 * A network that swallows what is sent on connections that are there, lets new ones through, and later delivers what
 * it swallowed, also of connections that were given up meanwhile: as a network does that is mended.
 */
export class BlackHole {
  readonly #wires = new Set<Wire>();
  readonly #server = createServer((client) => this.#accept(client));

  private constructor(private readonly target: number) {}

  static async before(target: number): Promise<BlackHole> {
    const hole = new BlackHole(target);
    hole.#server.listen(0, '127.0.0.1');
    await once(hole.#server, 'listening');
    return hole;
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  get url(): string {
    return `redis://127.0.0.1:${this.address.port}`;
  }

  /** From now on nobody hears anything on the connections that are there now. */
  swallow(): void {
    for (const wire of this.#wires) wire.held ??= [];
  }

  /** What is sent on the connections that are there arrives, but no answer does. */
  mute(): void {
    for (const wire of this.#wires) wire.isMute = true;
  }

  /** The connections that are there break. */
  cut(): void {
    for (const { client } of this.#wires) client.destroy();
  }

  /** What was swallowed arrives, as far as there is still somebody to take it. */
  async deliver(): Promise<void> {
    for (const { server, held } of this.#wires) {
      if (!held || held.length === 0 || server.destroyed) continue;
      await new Promise<void>((resolve) => server.write(Buffer.concat(held), () => resolve()));
    }
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const { server } of this.#wires) server.destroy();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    const server = connect(this.target, '127.0.0.1');
    const wire: Wire = { client, server, isMute: false, held: undefined };
    this.#wires.add(wire);
    client.on('data', (bytes) => (wire.held ? wire.held.push(bytes) : server.write(bytes)));
    server.on('data', (bytes) => wire.held || wire.isMute || client.write(bytes));
    client.on('close', () => wire.held || server.destroy());
    server.on('close', () => {
      client.destroy();
      this.#wires.delete(wire);
    });
    for (const socket of [client, server]) socket.on('error', () => {});
  }
}
