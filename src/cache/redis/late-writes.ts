import { ErrorReply } from 'redis';
import type { Args, SendOptions, Server } from './topology.js';

/** A connection as the server knows it: a number of its own, and where it comes from. */
interface Identity {
  id: string;
  address: string;
}

/**
 * A server that was frozen, or behind a network that was, goes on with what it was sent: also with a write on a
 * connection that was given up since, whose caller was told that it failed. So before anything is said on a new
 * connection, the server is told to close the one before. Needs the commands CLIENT INFO and CLIENT KILL; where
 * they are refused, that value may come back until its ttl.
 */
export class LateWrites {
  readonly #known = new Map<string, Identity>();

  /** Rejects unless the server answers; resolves when nothing of a connection before can be carried out any more. */
  async prevent(server: Server, options: SendOptions): Promise<void> {
    const send = async (...args: Args) => server.send(args, options);
    const [now] = await Promise.all([send('CLIENT', 'INFO').catch(unlessRefused), send('PING')]);
    const identity = identityIn(now);
    if (!identity) return;
    const before = this.#known.get(server.address);
    // Both: after a restart of the server the number alone may be another's.
    if (before && before.id !== identity.id)
      await send('CLIENT', 'KILL', 'ID', before.id, 'ADDR', before.address).catch(unlessRefused);
    this.#known.set(server.address, identity);
  }
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ErrorReply)) throw error;
}

function identityIn(info: unknown): Identity | undefined {
  const [, id, address] = /^id=(\d+) addr=(\S+)/.exec(String(info)) ?? [];
  return id && address ? { id, address } : undefined;
}
