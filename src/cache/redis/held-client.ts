import { setTimeout as sleep } from 'node:timers/promises';
import type { Address, AnyClient } from './topology.js';

/** By event. */
export type Listeners = Record<string, (...args: never[]) => void>;

/** A client that is made here, where it matters by way of a given server, or one that the application lends. */
export type Source<C> = { make: (from?: Address) => C } | { lent: C };

const SHORTEST_WAIT = 50;
const LONGEST_WAIT = 1_000;

/** A client for as long as it is needed: one of ours is connected, made anew and destroyed, one lent is listened to. */
export class HeldClient<C extends AnyClient> {
  #client: C;
  #isClosed = false;
  #connecting: C | undefined;
  readonly #make: ((from?: Address) => C) | undefined;

  /** @throws what node-redis says of options that it can't use */
  constructor(
    source: Source<C>,
    private readonly listeners: Listeners,
  ) {
    this.#make = 'make' in source ? source.make : undefined;
    this.#client = this.#meet('make' in source ? source.make() : source.lent);
  }

  get client(): C {
    return this.#client;
  }

  get isOurs(): boolean {
    return this.#make !== undefined;
  }

  connect(): void {
    if (this.#make) void this.#connect(this.#client);
  }

  /** Another client of ours in the place of this one, whose calls fail now. */
  renew(from?: Address): void {
    if (!this.#make || this.#isClosed) return;
    const old = this.#client;
    this.#part(old);
    this.#client = this.#meet(this.#make(from));
    this.connect();
    void destroyed(old);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#part(this.#client);
    // A sentinel client first ends what it is about, which takes long where nobody answers.
    if (this.#make)
      await Promise.race([destroyed(this.#client), sleep(LONGEST_WAIT, undefined, { ref: false })]);
  }

  /** Clients reconnect by themselves, but not where a first attempt failed, or a strategy of the user's gave up. */
  async #connect(client: C): Promise<void> {
    if (this.#connecting === client) return;
    this.#connecting = client;
    for (let wait = SHORTEST_WAIT; this.#isCurrent(client); wait = Math.min(wait * 2, LONGEST_WAIT)) {
      try {
        await client.connect();
        break;
      } catch (error) {
        if (this.#isCurrent(client))
          (this.listeners['error'] as ((error: unknown) => void) | undefined)?.(error);
        await sleep(wait, undefined, { ref: false });
      }
    }
    if (this.#connecting === client) this.#connecting = undefined;
  }

  #isCurrent(client: C): boolean {
    return !this.#isClosed && this.#client === client;
  }

  readonly #onTerminated = () => this.connect();

  #meet(client: C): C {
    for (const [event, listener] of Object.entries(this.listeners)) client.on(event, listener);
    if (this.#make) client.on('terminated', this.#onTerminated);
    return client;
  }

  #part(client: C): void {
    // A client that is being destroyed may still say 'error', which nobody may leave unheard.
    if (this.#make) client.on('error', () => {});
    for (const [event, listener] of Object.entries(this.listeners)) client.off(event, listener);
    client.off('terminated', this.#onTerminated);
  }
}

/** Whatever state it is in. */
export async function destroyed(client: Pick<AnyClient, 'destroy'>): Promise<void> {
  try {
    await client.destroy();
  } catch {
    // It was closed before.
  }
}
