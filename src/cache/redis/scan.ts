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
      topology.servers().map(async (server) => String(await server.send(['CLUSTER', 'NODES'], options))),
    );
    const own = views.map((view) => slotsOf(view, (flags) => flags.includes('myself'))).sort();
    // A master that is new may be unknown to the client until a key of it is asked for.
    if (size(own.join(' ')) < size(slotsOf(views[0] ?? '', (flags) => !flags.includes('slave')))) {
      throw new Error('the slots of the cluster are being moved to a server that is not known yet');
    }
    return own.join('\n');
  } catch (error) {
    if (error instanceof ErrorReply) return UNKNOWN;
    throw error;
  }
}

/** Lines of CLUSTER NODES: id, address, flags, five more, then slots (`0-5460`, `7000`) and moves. */
const slotsOf = (view: string, right: (flags: string[]) => boolean): string =>
  view
    .split('\n')
    .map((line) => line.trim().split(' '))
    .filter((fields) => right((fields[2] ?? '').split(',')))
    .flatMap((fields) => fields.slice(8))
    .join(' ');

const size = (slots: string): number =>
  [...slots.matchAll(/(?<=^|\s)(\d+)(?:-(\d+))?(?=\s|$)/g)].reduce(
    (sum, [, from, to = from]) => sum + Number(to) - Number(from) + 1,
    0,
  );
