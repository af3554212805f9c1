import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

/** A way to a server on which its answers can be held back, or lost. */
export interface HeldProxy {
  port: number;
  /** From now on answers wait for `release`. */
  hold(): void;
  release(): void;
  /** New connections lead there. */
  aim(port: number): void;
  /** Cuts every connection: what was sent was sent, its answer never comes. */
  cut(): void;
  /** Settles when something was sent to the server after this call. */
  sent(): Promise<void>;
  /**
   * Settles when this command of MongoDB has been sent, for the first time after this call. Its answer is held
   * back, no other.
   */
  next(command: string): Promise<HeldAnswer>;
  /** The same, but it is the command itself that is held back. */
  before(command: string): Promise<{ release(): void }>;
  close(): Promise<void>;
}

export interface HeldAnswer {
  release(): void;
  /** Its connection breaks: what was sent was sent, its answer never comes. */
  lose(): void;
}

export async function holdAnswersOf(port: number): Promise<HeldProxy> {
  const pairs = new Set<[Socket, Socket]>();
  const waiting: (() => void)[] = [];
  const awaited: { names: Buffer[]; found: (answer: HeldAnswer) => void }[] = [];
  const stopped: { names: Buffer[]; found: (way: { release(): void }) => void }[] = [];
  let isHeld = false;
  let aim = port;
  const server = createServer((client) => {
    const target = connect(aim, '127.0.0.1');
    const pair: [Socket, Socket] = [client, target];
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        target.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => {
      const held = taken(awaited, bytes);
      if (held) target.pause();
      const stop = taken(stopped, bytes);
      if (stop) target.cork();
      target.write(bytes);
      stop?.found({ release: () => target.uncork() });
      held?.found({
        release: () => target.resume(),
        lose: () => {
          client.destroy();
          target.destroy();
        },
      });
      for (const tell of waiting.splice(0)) tell();
    });
    target.on('data', (bytes) => client.write(bytes));
    if (isHeld) target.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    hold: () => {
      isHeld = true;
      for (const [, target] of pairs) target.pause();
    },
    release: () => {
      isHeld = false;
      for (const [, target] of pairs) target.resume();
    },
    aim: (port) => {
      aim = port;
    },
    cut: () => {
      for (const [client, target] of pairs) {
        client.destroy();
        target.destroy();
      }
    },
    sent: () => new Promise((resolve) => waiting.push(resolve)),
    next: (command) => new Promise((found) => awaited.push({ names: namesOf(command), found })),
    before: (command) => new Promise((found) => stopped.push({ names: namesOf(command), found })),
    close: async () => {
      for (const [client, target] of pairs) {
        client.destroy();
        target.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}

/** The first member of a command, in BSON: its type (a string or an integer) and its name. */
const namesOf = (command: string) => ['\x02', '\x10'].map((type) => Buffer.from(`${type}${command}\0`));

function taken<Waiting extends { names: Buffer[] }>(waiting: Waiting[], bytes: Buffer): Waiting | undefined {
  const nth = waiting.findIndex(({ names }) => names.some((name) => bytes.includes(name)));
  return nth >= 0 ? waiting.splice(nth, 1)[0] : undefined;
}
