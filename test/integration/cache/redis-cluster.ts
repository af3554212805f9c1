import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import slotOf from 'cluster-key-slot';
import { createClient } from 'redis';
import { startOwnRedis, type RunningServer } from '../../servers/index.js';

const SLOTS = 16_384;
const SETTINGS = {
  'cluster-enabled': 'yes',
  'cluster-config-file': 'nodes.conf',
  'cluster-node-timeout': '1500',
  'cluster-replica-validity-factor': '0',
  'repl-diskless-sync': 'yes',
  'repl-diskless-sync-delay': '0',
};

const newClient = (port: number) =>
  createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: false } });
type Client = ReturnType<typeof newClient>;

/** One server of a cluster, with a connection to ask it by. */
export class ClusterNode {
  private constructor(
    readonly server: RunningServer,
    readonly client: Client,
    readonly id: string,
  ) {}

  static async start(args: readonly string[] = []): Promise<ClusterNode> {
    const server = await startWithBus(args);
    const client = newClient(server.port);
    client.on('error', () => {});
    await client.connect();
    return new ClusterNode(server, client, await client.sendCommand(['CLUSTER', 'MYID']));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.server.port}`;
  }

  async ask(...args: string[]): Promise<string> {
    const reply: unknown = await this.client.sendCommand(args);
    return reply as string;
  }

  async isMaster(): Promise<boolean> {
    return (await this.ask('CLUSTER', 'NODES')).includes('myself,master');
  }

  /** Slots that this server says are its own. */
  async slots(): Promise<number[]> {
    const line = (await this.ask('CLUSTER', 'NODES')).split('\n').find((one) => one.includes('myself')) ?? '';
    return line
      .split(' ')
      .slice(8)
      .flatMap((range) => {
        const [from = 0, to = from] = range.split('-').map(Number);
        return Array.from({ length: to - from + 1 }, (_, index) => from + index);
      });
  }

  async keysIn(slot: number): Promise<string[]> {
    const reply: unknown = await this.client.sendCommand(['CLUSTER', 'GETKEYSINSLOT', String(slot), '1000']);
    return reply as string[];
  }

  async stop(): Promise<void> {
    this.client.destroy();
    await this.server.stop();
  }
}

/** A Redis Cluster on this machine: three masters, each with a replica. */
export class RedisCluster {
  private constructor(readonly nodes: ClusterNode[]) {}

  static async start(replicas = 1, args: readonly string[] = []): Promise<RedisCluster> {
    const nodes = await Promise.all(
      Array.from({ length: 3 * (1 + replicas) }, () => ClusterNode.start(args)),
    );
    const masters = nodes.slice(0, 3);
    await Promise.all(nodes.map((node, index) => node.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))));
    await Promise.all(
      masters.map(async (node, index) => {
        const from = Math.ceil((index * SLOTS) / 3);
        const to = Math.ceil(((index + 1) * SLOTS) / 3);
        const slots = Array.from({ length: to - from }, (_, offset) => String(from + offset));
        await node.ask('CLUSTER', 'ADDSLOTS', ...slots);
      }),
    );
    const cluster = new RedisCluster(nodes);
    for (const node of nodes.slice(1)) await cluster.meet(node);
    await cluster.knowEachOther();
    await Promise.all(
      nodes.slice(3).map((node, index) => node.ask('CLUSTER', 'REPLICATE', masters[index % 3]!.id)),
    );
    await cluster.isWhole();
    await Promise.all(nodes.slice(3).map(async (node) => until(async () => isInSync(node))));
    return cluster;
  }

  get rootNodes(): { url: string }[] {
    return this.nodes.slice(0, 3).map(({ url }) => ({ url }));
  }

  async meet(node: ClusterNode): Promise<void> {
    await this.nodes[0]!.ask('CLUSTER', 'MEET', '127.0.0.1', String(node.server.port));
  }

  /** Another master, without slots. */
  async join(): Promise<ClusterNode> {
    const node = await ClusterNode.start();
    await this.meet(node);
    this.nodes.push(node);
    await this.knowEachOther();
    await this.isWhole();
    return node;
  }

  async knowEachOther(): Promise<void> {
    const isKnown = (view: string) =>
      this.nodes.every(({ id }) =>
        view.split('\n').some((line) => line.startsWith(id) && !/handshake|noaddr/.test(line)),
      );
    await this.all(async (node) => isKnown(await node.ask('CLUSTER', 'NODES')));
  }

  /** All slots are served, and everybody alive knows it. */
  async isWhole(): Promise<void> {
    await this.all(async (node) => (await node.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    await this.all(
      async (node) => !(await node.ask('CLUSTER', 'NODES')).includes('master - 0 0 0 disconnected'),
    );
  }

  async masterOf(key: string): Promise<ClusterNode> {
    const slot = slotOf(key);
    for (const node of this.alive())
      if (await node.isMaster()) if ((await node.slots()).includes(slot)) return node;
    throw new Error(`nobody has slot ${slot}`);
  }

  /** Begins as `redis-cli --cluster reshard` does it: from now on both have keys of the slot. */
  async openSlot(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    await to.ask('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from.id);
    await from.ask('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to.id);
  }

  async migrateKeys(keys: readonly string[], from: ClusterNode, to: ClusterNode): Promise<void> {
    if (keys.length === 0) return;
    await from.ask('MIGRATE', '127.0.0.1', String(to.server.port), '', '0', '5000', 'KEYS', ...keys);
  }

  async closeSlot(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    for (;;) {
      const keys = await from.keysIn(slot);
      if (keys.length === 0) break;
      await this.migrateKeys(keys, from, to);
    }
    const masters = this.alive().filter((node) => node !== to && node !== from);
    for (const node of [to, from]) await node.ask('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id);
    // Replicas refuse, they hear it from their masters.
    await Promise.all(
      masters.map((node) => node.ask('CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id).catch(() => '')),
    );
  }

  /** One after another; `halfWay` is how long each stays where some keys are here, some there, in ms. */
  async moveSlots(slots: readonly number[], from: ClusterNode, to: ClusterNode, halfWay = 0): Promise<void> {
    for (const slot of slots) {
      await this.openSlot(slot, from, to);
      const keys = await from.keysIn(slot);
      await this.migrateKeys(keys.slice(0, Math.ceil(keys.length / 2)), from, to);
      await sleep(halfWay);
      await this.closeSlot(slot, from, to);
    }
    // Who took slots has a new epoch. Until all know it, what they hear of these slots may be contradictory.
    const epoch = async (view: ClusterNode) =>
      (await view.ask('CLUSTER', 'NODES'))
        .split('\n')
        .find((line) => line.startsWith(to.id))
        ?.split(' ')[6];
    const now = await epoch(to);
    await this.all(async (node) => (await epoch(node)) === now);
  }

  alive(): ClusterNode[] {
    return this.nodes.filter(({ client }) => client.isReady);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  private async all(right: (node: ClusterNode) => Promise<boolean>): Promise<void> {
    await until(async () => (await Promise.all(this.alive().map(right))).every(Boolean));
  }
}

const isInSync = async (node: ClusterNode): Promise<boolean> =>
  (await node.ask('INFO', 'replication')).includes('master_link_status:up');

export async function until(right: () => Promise<boolean>, within = 30_000): Promise<void> {
  const deadline = Date.now() + within;
  while (!(await right())) {
    if (Date.now() > deadline) throw new Error(`not within ${within} ms`);
    await sleep(20);
  }
}

/** Below those that the system gives away, and with one 10,000 above that is free as well: a cluster's own. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 11_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function startWithBus(args: readonly string[]): Promise<RunningServer> {
  const settings = [...Object.entries(SETTINGS).flatMap(([name, value]) => [`--${name}`, value]), ...args];
  for (let tries = 0; ; tries += 1) {
    try {
      return await startOwnRedis({ port: await freePort(), args: settings });
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe: Server = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
