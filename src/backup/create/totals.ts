import type { DatabaseServer, ServerNamespace, ServerSession } from '../engine/database-server.js';
import type { Totals } from '../progress.js';
import { nameOf } from './dump-plan.js';

const AT_ONCE = 16;

/** What the server reckons that there is to dump; undefined where it doesn't tell, which costs no backup. */
export async function totalsOf(
  server: DatabaseServer,
  namespaces: readonly ServerNamespace[],
): Promise<Totals | undefined> {
  const withData = namespaces.filter(({ type }) => type !== 'view');
  return server.use((session) => sizes(session, withData)).catch(() => undefined);
}

async function sizes(session: ServerSession, namespaces: readonly ServerNamespace[]): Promise<Totals> {
  const totals = new Map<string, { documents: number; bytes: number }>();
  for (let at = 0; at < namespaces.length; at += AT_ONCE)
    await Promise.all(
      namespaces.slice(at, at + AT_ONCE).map(async (namespace) => {
        totals.set(nameOf(namespace), await session.size(namespace.database, namespace.collection));
      }),
    );
  return totals;
}
