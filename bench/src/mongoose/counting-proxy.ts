import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface CountingProxy {
  readonly url: string;
  /** How often so far a client sent something after the server had answered: commands sent together are one. */
  roundTrips(): number;
  close(): Promise<void>;
}

/** Stands before a server and passes all on. */
export async function countingProxy(url: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((client) => {
    const behind = connect({ host: hostname, port: Number(port), noDelay: true });
    client.setNoDelay(true);
    let isAsking = false;
    client.on('data', () => {
      if (!isAsking) count += 1;
      isAsking = true;
    });
    behind.on('data', () => (isAsking = false));
    client.pipe(behind).pipe(client);
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {}).on('close', () => other.destroy());
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    roundTrips: () => count,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
