import { join } from 'node:path';
import { type Application, withApplications } from '../applications.js';
import { shell } from '../program.js';
import { inRounds } from '../rounds.js';
import type { BackupServers } from '../servers.js';
import { type Bench, FLORA, type Outcome, type Part, type Scenario, TOOLS } from '../system.js';

const MOST_ROUNDS = 3;
const RESTORE = '"$TOOLS/mongorestore" --uri="$SERVER" --archive="$OUT" --nsFrom="shop.*" --nsTo="raw.*"';

/** A restore into an empty database, beside mongorestore by itself. */
export const restore: Scenario = {
  id: 'restore',
  kind: 'restore',
  title: 'Restore into an empty database',
  how: 'Documents and indexes. Flora: restoreBackup() into a database that is not there; `proving` is the reading of the whole backup before anything is touched, `loading` all up to the swap: unpacking and proving again, writing beside, counting and comparing; `swap` the renames.',
  run,
};

async function run(bench: Bench): Promise<Outcome> {
  const { servers } = bench;
  const { tools, folder, uri } = servers;
  const out = join(folder, 'raw');
  await shell('"$TOOLS/mongodump" --uri="$URI" --archive="$OUT"', { URI: uri, TOOLS: tools, OUT: out });
  return withApplications(servers, async (applications) => {
    const ids: string[] = [];
    for (const application of applications) ids.push((await application.do({ do: 'create' })).id ?? '');
    const parts = [
      byProgram(servers, out),
      ...applications.map((application, n) => byFlora(servers, application, ids[n] ?? '')),
    ];
    return inRounds(parts, bench, MOST_ROUNDS);
  });
}

function byProgram({ tools, uri, emptied }: BackupServers, out: string): Part {
  const server = new URL(uri);
  server.pathname = '/';
  return {
    system: TOOLS,
    label: 'mongorestore',
    differs: ['from a file that is not compressed', 'nothing proved'],
    run: async () => {
      await emptied('raw');
      const { seconds, cpuSeconds } = await shell(RESTORE, { SERVER: server.href, TOOLS: tools, OUT: out });
      await emptied('raw');
      return { seconds, cpuSeconds, afterProof: seconds };
    },
  };
}

function byFlora({ emptied }: BackupServers, application: Application, id: string): Part {
  const to = `restored-${application.engine}`;
  return {
    system: FLORA,
    label: application.engine,
    differs: [],
    run: async () => {
      await emptied(to);
      const restored = await application.do({ do: 'restore', id, to });
      await emptied(to);
      const { seconds, cpuSeconds, phases = {} } = restored;
      const { verify = 0, load = 0, swap = 0 } = phases;
      return { seconds, cpuSeconds, proving: verify, loading: load, swap, afterProof: load + swap };
    },
  };
}
