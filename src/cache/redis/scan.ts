import { ErrorReply } from 'redis';
import type { SendOptions, Server, Topology } from './topology.js';

const PAGE = '1000';

/**
 * The names of all keys that match, each at least once. In a cluster, one master after another; a key that moves
 * meanwhile to one that was asked already is found by asking all once more.
 *
 * @throws Error when the scan can't be complete
 */
export async function* scan(
  topology: Topology,
  pattern: string,
  options: SendOptions,
): AsyncGenerator<string[]> {
  const before = topology.isCluster ? await layout(topology, options) : '';
  yield* round(topology.servers(), pattern, options);
  if (!topology.isCluster) return;
  const after = await layout(topology, options);
  if (after !== before || after === UNKNOWN || MOVING.test(after)) {
    yield* round(topology.servers(), pattern, options);
  }
}

async function* round(
  servers: readonly Server[],
  pattern: string,
  options: SendOptions,
): AsyncGenerator<string[]> {
  for (const server of servers) {
    let cursor = '0';
    do {
      const reply = await server.send(['SCAN', cursor, 'MATCH', pattern, 'COUNT', PAGE], options);
      const [next, keys] = reply as [string, string[]];
      cursor = next;
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }
}

/** The command for it may be refused to this user. */
const UNKNOWN = 'unknown';
/** `[93-<-node]`, `[93->-node]`: the keys of a slot are on their way. */
const MOVING = /\[/;

/** Which slots each master says are its own, as text that can be compared. */
async function layout(topology: Topology, options: SendOptions): Promise<string> {
  try {
    const views = await Promise.all(
      topology.servers().map(async (server) => nodesIn(await server.send(['CLUSTER', 'NODES'], options))),
    );
    const own = views.map((view) => view.find(({ flags }) => flags.includes('myself')));
    const known = new Set(own.map((node) => node?.id));
    // One that joined is unknown to the client until a key of it is asked for.
    if (views[0]?.some(({ id, flags, slots }) => flags.includes('master') && slots && !known.has(id))) {
      throw new Error('slots of the cluster have moved to a server that is not known yet');
    }
    return own.map((node) => `${node?.id} ${node?.slots}`).join('\n');
  } catch (error) {
    if (error instanceof ErrorReply) return UNKNOWN;
    throw error;
  }
}

interface Node {
  id: string;
  flags: string;
  slots: string;
}

/** Lines of CLUSTER NODES: id, address, flags, five more, then slots (`0-5460`, `7000`) and moves. */
const nodesIn = (view: unknown): Node[] =>
  String(view)
    .split('\n')
    .map((line) => line.trim().split(' '))
    .map(([id = '', , flags = '', ...more]) => ({ id, flags, slots: more.slice(5).join(' ') }));
