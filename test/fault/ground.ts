import { createClient } from 'redis';
import type { RunningServer } from '../../src/flora/servers/start-server.js';
import { RedisProxy } from '../integration/cache/redis-proxy.js';

/** Starts a redis-server; `port` lets it come back where a killed one was. */
export type Start = (options: { port?: number; args: readonly string[] }) => Promise<RunningServer>;

const PASSWORD = 'petal';
const open = (port: number) => createClient({ url: `redis://:${PASSWORD}@127.0.0.1:${port}` });

/** A redis-server of one's own with a password, a wire to it, and a client of whoever makes faults there. */
export class Ground {
  #admin: Promise<ReturnType<typeof open>> | undefined;

  private constructor(
    private readonly start: Start,
    private running: RunningServer,
    readonly proxy: RedisProxy,
  ) {}

  static async with(start: Start): Promise<Ground> {
    const server = await start({ args: ['--requirepass', PASSWORD] });
    return new Ground(start, server, await RedisProxy.to(server.port));
  }

  get port(): number {
    return this.running.port;
  }

  /** Through the wire. */
  get url(): string {
    return this.urlAt(this.proxy.port);
  }

  /** Past the wire. */
  get directUrl(): string {
    return this.urlAt(this.port);
  }

  /** Through another wire that ends there. */
  urlAt(port: number): string {
    return `redis://:${PASSWORD}@127.0.0.1:${port}`;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (signal === 'SIGKILL') await this.#leave();
    await this.running.kill(signal);
  }

  /** A new server, empty, where the killed one was. */
  async startAgain(): Promise<void> {
    const { port } = this.running;
    await this.running.stop();
    this.running = await this.start({ port, args: ['--requirepass', PASSWORD] });
  }

  /** Sends a command past the wire. */
  async tell(...command: string[]): Promise<unknown> {
    this.#admin ??= this.connect();
    return (await this.#admin).sendCommand(command);
  }

  /** A client past the wire, for the caller to close. */
  async connect(): Promise<ReturnType<typeof open>> {
    const client = open(this.running.port);
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async stop(): Promise<void> {
    await this.#leave();
    await this.proxy.close();
    await this.running.kill('SIGCONT').catch(() => {});
    await this.running.stop();
  }

  async #leave(): Promise<void> {
    const admin = await this.#admin;
    this.#admin = undefined;
    admin?.destroy();
  }
}
