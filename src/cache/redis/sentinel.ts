import { setTimeout as sleep } from 'node:timers/promises';
import { ErrorReply } from 'redis';
import { HeldClient } from './held-client.js';
import { ownMaster, ownSentinel } from './own-clients.js';
import type { SentinelOptions } from './redis-options.js';
import {
  type Address,
  type Args,
  type MessageClient,
  type PlainClient,
  type SendOptions,
  type Server,
  Topology,
  type TopologyEvents,
} from './topology.js';

/** How often the sentinels are asked, in ms, and within which they have to answer. */
const LOOK = 1_000;
const SOON = 500;

/**
 * The server that most of the sentinels say is the master. They are asked beside the commands, which never wait for
 * them: a master that answers is used, whatever has become of its sentinels.
 */
export class Sentinel extends Topology {
  readonly isCluster = false;
  readonly mayResend = false;
  readonly #sentinels: readonly HeldClient<PlainClient>[];
  readonly #servers: readonly Server[] = [
    { address: '', send: async (args, options) => this.send(args, options) },
  ];
  #master: Address | undefined;
  #held: HeldClient<PlainClient> | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: SentinelOptions,
    private readonly events: TopologyEvents,
  ) {
    super();
    const listeners = { ready: () => this.refresh(), error: events.onError };
    this.#sentinels = options.sentinelRootNodes.map(
      (node) => new HeldClient({ make: () => ownSentinel(options, node) }, listeners),
    );
  }

  get isReady(): boolean {
    return this.#held?.client.isReady ?? false;
  }

  connect(): void {
    for (const sentinel of this.#sentinels) sentinel.connect();
    this.#watch = setInterval(() => this.refresh(), LOOK).unref();
  }

  async send(args: Args, options: SendOptions): Promise<unknown> {
    if (!this.#held) throw new Error('the sentinels have not named a master yet');
    return this.#held.client.sendCommand(args, options);
  }

  servers(): readonly Server[] {
    return this.#servers;
  }

  async messages(): Promise<MessageClient | undefined> {
    return this.#master && ownMaster(this.options, this.#master);
  }

  /** What sentinels say may be old: a server that follows another one is not to be written to, nor read from. */
  override async check(options: SendOptions): Promise<void> {
    const reply = await this.send(['ROLE'], options).catch((error: unknown) => {
      if (error instanceof ErrorReply) return undefined; // the right to ask is missing
      throw error;
    });
    if (Array.isArray(reply) && reply[0] !== 'master')
      throw new Error('this server is not the master any more');
  }

  override refresh(): void {
    void this.#look();
  }

  reconnect(): void {
    if (this.isReady) this.#held?.renew();
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    this.#watch = undefined;
    await Promise.all([...this.#sentinels, ...(this.#held ? [this.#held] : [])].map((held) => held.close()));
  }

  async #look(): Promise<void> {
    const answers = await Promise.all(this.#sentinels.map(({ client }) => this.#masterBy(client)));
    const named = mostOften(
      answers.flatMap((answer) => answer ?? []),
      this.#master,
    );
    if (!this.#watch || !named || isSame(named, this.#master)) return;
    this.#master = named;
    if (this.#held) {
      this.events.onLost();
      this.#held.renew();
    } else {
      this.#held = this.#toMaster(named);
      this.#held.connect();
    }
  }

  #toMaster(first: Address): HeldClient<PlainClient> {
    const { onReady, onLost, onError } = this.events;
    return new HeldClient(
      { make: () => ownMaster(this.options, this.#master ?? first) },
      {
        ready: onReady,
        end: onLost,
        error: (error: unknown) => {
          onLost();
          onError(error);
        },
      },
    );
  }

  async #masterBy(sentinel: PlainClient): Promise<Address | undefined> {
    if (!sentinel.isReady) return undefined;
    const asked = sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.options.name], PLAIN);
    const reply = await Promise.race([asked, sleep(SOON, undefined, { ref: false })]).catch(
      (error: unknown) => this.events.onError(error),
    );
    const [host, port] = (reply ?? []) as string[];
    return host === undefined ? undefined : { host, port: Number(port) };
  }
}

const PLAIN: SendOptions = { typeMapping: {}, timeout: undefined };

const isSame = (one: Address, other: Address | undefined): boolean =>
  one.host === other?.host && one.port === other.port;

/** One sentinel may lag behind the others. Where they are divided, what is stays. */
function mostOften(answers: readonly Address[], current: Address | undefined): Address | undefined {
  const votes = (address: Address) => answers.filter((answer) => isSame(answer, address)).length;
  const candidates = current ? [current, ...answers] : answers;
  return candidates.reduce<Address | undefined>(
    (best, one) => (best && votes(best) >= votes(one) ? best : one),
    undefined,
  );
}
