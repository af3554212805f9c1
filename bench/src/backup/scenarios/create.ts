import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { shell } from '../program.js';
import { inRounds } from '../rounds.js';
import type { BackupServers } from '../servers.js';
import { type Bench, FLORA, type Outcome, type Part, type Scenario, TOOLS } from '../system.js';
import { type Application, withApplications } from '../applications.js';

/** Longer would say nothing else. */
const IDLE_MS = 3_000;
const DUMP = '"$TOOLS/mongodump" --uri="$URI"';

const LINES: readonly (readonly [label: string, line: string, differs: readonly string[]])[] = [
  ['mongodump', `${DUMP} --archive="$OUT"`, ['not compressed', 'nothing proved']],
  ['mongodump --gzip', `${DUMP} --gzip --archive="$OUT"`, ['nothing proved']],
  ['mongodump into zstd -3', `${DUMP} --archive | zstd -3 -q -f -o "$OUT"`, ['nothing proved']],
];

/** A backup from its beginning to its end, beside what the programs do by themselves. */
export const create: Scenario = {
  id: 'create',
  kind: 'create',
  title: 'Make a backup',
  how: 'A whole database to a file. Flora: createBackup() at its defaults: read, parsed, counted, checksummed, compressed, hashed twice, flushed to the disk, manifest written; each engine in a process of its own. CPU is that of the process and all programs it runs, without the server. RSS is that of the process alone. The delay of an event loop is that of the process that makes the backup; beside the programs it is that of a process which only waits for them: what two busy cores alone do to it.',
  run,
};

async function run(bench: Bench): Promise<Outcome> {
  const { servers } = bench;
  return withApplications(servers, async (applications) =>
    inRounds(
      [
        ...LINES.map(([label, line, differs]) => byProgram(servers, label, line, differs)),
        ...applications.map((application) => byFlora(servers, application)),
      ],
      bench,
      5,
    ),
  );
}

function byProgram(
  { uri, tools, folder, bytes }: BackupServers,
  label: string,
  line: string,
  differs: readonly string[],
): Part {
  const out = join(folder, 'archive');
  return {
    system: TOOLS,
    label,
    differs,
    run: async () => {
      const delay = monitorEventLoopDelay({ resolution: 1 });
      delay.enable();
      const { seconds, cpuSeconds } = await shell(line, { URI: uri, TOOLS: tools, OUT: out });
      delay.disable();
      const { size } = await stat(out);
      const delayP99Ms = delay.percentile(99) / 1e6;
      return { seconds, cpuSeconds, speed: bytes / 1e6 / seconds, size: size / bytes, delayP99Ms };
    },
  };
}

function byFlora({ bytes }: BackupServers, application: Application): Part {
  return {
    system: FLORA,
    label: application.engine,
    differs: [],
    run: async () => {
      const idle = await application.do({ do: 'idle', ms: IDLE_MS });
      const made = await application.do({ do: 'create' });
      const { id = '', storedBytes = 0, seconds, cpuSeconds, rssMegabytes, delayP99Ms } = made;
      await application.do({ do: 'delete', id });
      return {
        seconds,
        cpuSeconds,
        speed: bytes / 1e6 / seconds,
        size: storedBytes / bytes,
        rssMegabytes,
        delayP99Ms,
        idleP99Ms: idle.delayP99Ms,
      };
    },
  };
}
