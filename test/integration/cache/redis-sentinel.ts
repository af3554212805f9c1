import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { inject } from 'vitest';
import { type GuardedProcess, startGuarded } from '../../../src/flora/servers/guarded-process.js';
import { startOwnRedis, type RunningServer } from '../../servers/index.js';
import { freePort, until } from './redis-cluster.js';

const QUORUM = '2';
const SETTINGS = { 'down-after-milliseconds': '1000', 'failover-timeout': '3000' };

const newClient = (port: number) =>
  createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: false } });
type Client = ReturnType<typeof newClient>;

interface Watcher {
  process: GuardedProcess;
  port: number;
  client: Client;
}

/** A master, replicas, and three sentinels that watch them. */
export class RedisSentinel {
  readonly name = 'shop';

  private constructor(
    readonly servers: RunningServer[],
    private readonly sentinels: Watcher[],
  ) {}

  static async start(replicas = 1): Promise<RedisSentinel> {
    const args = ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0'];
    const master = await startOwnRedis({ args });
    const behind = await Promise.all(
      Array.from({ length: replicas }, () =>
        startOwnRedis({ args: [...args, '--replicaof', '127.0.0.1', String(master.port)] }),
      ),
    );
    const sentinels = await Promise.all(Array.from({ length: 3 }, startSentinel));
    const all = new RedisSentinel([master, ...behind], sentinels);
    for (const { client } of sentinels) {
      await client.sendCommand(['SENTINEL', 'MONITOR', all.name, '127.0.0.1', String(master.port), QUORUM]);
      for (const [name, value] of Object.entries(SETTINGS))
        await client.sendCommand(['SENTINEL', 'SET', all.name, name, value]);
    }
    await until(async () =>
      (await Promise.all(sentinels.map((one) => all.#isReady(one, replicas)))).every(Boolean),
    );
    return all;
  }

  get rootNodes(): { host: string; port: number }[] {
    return this.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  async master(): Promise<RunningServer> {
    const { client } = this.sentinels.find(({ client }) => client.isReady) as Watcher;
    const [, port] = (await client.sendCommand([
      'SENTINEL',
      'GET-MASTER-ADDR-BY-NAME',
      this.name,
    ])) as unknown as [string, string];
    return this.servers.find((server) => server.port === Number(port)) as RunningServer;
  }

  /** Another server becomes the master, while this one is well. */
  async failover(): Promise<void> {
    const before = await this.master();
    await this.sentinels[0]!.client.sendCommand(['SENTINEL', 'FAILOVER', this.name]);
    await until(async () => (await this.master()) !== before);
  }

  async tellSentinels(...command: string[]): Promise<void> {
    for (const { client } of this.sentinels) await client.sendCommand(command);
  }

  /** To the first so many sentinels. */
  async signal(signal: NodeJS.Signals, count = this.sentinels.length): Promise<void> {
    for (const { process } of this.sentinels.slice(0, count)) await process.kill(signal);
  }

  async stop(): Promise<void> {
    for (const { client } of this.sentinels) client.destroy();
    await Promise.all([
      ...this.sentinels.map(({ process }) => process.stop()),
      ...this.servers.map((server) => server.stop()),
    ]);
  }

  /** Knows the replicas and the other sentinels, and has heard that the replicas follow. */
  async #isReady({ client }: Watcher, replicas: number): Promise<boolean> {
    const reply: unknown = await client.sendCommand(['SENTINEL', 'MASTER', this.name]);
    const state = fieldsOf(reply);
    if (state.get('num-slaves') !== String(replicas) || state.get('num-other-sentinels') !== '2')
      return false;
    const behind: unknown = await client.sendCommand(['SENTINEL', 'REPLICAS', this.name]);
    return (behind as unknown[]).map(fieldsOf).every((one) => one.get('master-link-status') === 'ok');
  }
}

/** A map by RESP 3, a list of names and values by RESP 2. */
function fieldsOf(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply as Record<string, string>));
  const list = reply as string[];
  return new Map(list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] as string]] : [])));
}

/** A sentinel keeps what it learns in its configuration file: that which the guard writes, empty at first. */
async function startSentinel(): Promise<Watcher> {
  const { found } = inject('servers')['redis-server'];
  if (!found) throw new Error('there is no redis-server');
  const port = await freePort();
  const folder = join(tmpdir(), `flora-server-${randomBytes(8).toString('hex')}`);
  const process = await startGuarded(
    found.path,
    [join(folder, 'key'), '--sentinel', '--bind', '127.0.0.1', '--port', String(port), '--dir', folder],
    folder,
  );
  let client = newClient(port);
  await until(async () => {
    if (process.hasEnded) throw new Error('the sentinel ended');
    client = newClient(port);
    client.on('error', () => {});
    await client.connect().catch(() => client.destroy());
    return client.isReady;
  });
  return { process, port, client };
}
